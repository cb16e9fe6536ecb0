"""What a demo shows while it runs. Points are whole, money is in minor units, latency in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Latency:
    """From the moment a purchase is sent to the first balance that shows its points; `None` before any probe."""

    probes: int
    p50: int | None = None
    p95: int | None = None
    p99: int | None = None

    def __str__(self) -> str:
        if not self.probes:
            return "no probe yet"
        return f"p50 {self.p50} ms, p95 {self.p95} ms, p99 {self.p99} ms ({self.probes} probes)"


@dataclass(frozen=True, slots=True)
class Books:
    """One reading of the services' books for the demo's program, over all runs."""

    handled: int = 0
    issued: int = 0
    clawed_back: int = 0
    credited: int = 0
    budget_left_minor: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the terminal shows at one moment, of this run alone but for the budget."""

    sent: int = 0
    by_http: int = 0
    by_kafka: int = 0
    committed_per_second: int = 0
    behind: Mapping[str, int] = field(default_factory=dict)
    latency: Latency = Latency(0)
    issued: int = 0
    clawed_back: int = 0
    holds: int = 0
    messages: int = 0
    budget_left_minor: int = 0

    def rows(self) -> Sequence[tuple[str, str]]:
        """Label and value, in the order in which they are shown."""
        behind = ", ".join(f"{service} {count:,}" for service, count in self.behind.items()) or "not known yet"
        return (
            ("Events sent", f"{self.sent:,} ({self.by_http:,} by HTTP, {self.by_kafka:,} by Kafka)"),
            ("Committed", f"{self.committed_per_second:,} per second"),
            ("Lag", behind),
            ("Publish to balance", str(self.latency)),
            ("Points issued", f"{self.issued:,}"),
            ("Points clawed back", f"{self.clawed_back:,}"),
            ("Holds placed", f"{self.holds:,}"),
            ("Messages sent", f"{self.messages:,}"),
            ("Budget left", f"{yuan(self.budget_left_minor)} yuan"),
        )

    def line(self) -> str:
        """The same in one line, for a log."""
        behind = " + ".join(f"{count:,}" for count in self.behind.values()) or "?"
        return (
            f"sent {self.sent:,}  committed {self.committed_per_second:,}/s  lag {behind}  {self.latency}  "
            f"issued {self.issued:,}  clawed back {self.clawed_back:,}  "
            f"holds {self.holds:,}  messages {self.messages:,}  budget left {yuan(self.budget_left_minor)} yuan"
        )


def yuan(minor: int) -> str:
    """Fen as yuan with two places."""
    return f"{minor // 100:,}.{minor % 100:02}"


def latency_of(nanoseconds: Sequence[int]) -> Latency:
    """Percentiles by nearest rank, rounded up to whole milliseconds."""
    ordered = sorted(nanoseconds)
    if not ordered:
        return Latency(0)

    def rank(percent: int) -> int:
        place = -(-len(ordered) * percent // 100) - 1
        return -(-ordered[place] // 1_000_000)

    return Latency(len(ordered), rank(50), rank(95), rank(99))
