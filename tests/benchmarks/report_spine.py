"""The tables of the whole spine at work: latency, memory, sustained load."""

from collections.abc import Sequence

from tests.benchmarks.latency import Latency, Spread
from tests.benchmarks.memory import Memory
from tests.benchmarks.spine import WORKING
from tests.benchmarks.sustained import Sustained, Window

LATENCY_TARGET = 500.0
_HEAD = (
    f"{'s':>6}{'sent/s':>9}{'earning':>9}{'redempt.':>9}{'behind':>10}{'WAL MB/s':>9}{'ckpt':>5}{'machine':>8}  cores"
)
_SHOWN_PROCESSES = (*WORKING, "kafka", "sender")


def verdict(value: float, target: float, *, at_most: bool = False) -> str:
    met = value <= target if at_most else value >= target
    return f"{'≤' if at_most else '≥'} {target:g} {'met' if met else 'MISSED'}"


def latency_lines(one: Latency) -> list[str]:
    return [
        f"from end to end, a backlog of {one.capacity.events:,}: {one.capacity.per_second:,.0f} events/s",
        f"publish to balance at {one.rate:,.0f} events/s, {one.samples:,} samples, milliseconds:",
        f"  until earning's commit    {_spread(one.decided)}",
        f"  until redemption's commit {_spread(one.balance)}  "
        f"p99 {verdict(one.balance.p99, LATENCY_TARGET, at_most=True)}",
        f"  the sender was at most {one.sent_late * 1000:.0f} ms behind its schedule",
    ]


def _spread(spread: Spread) -> str:
    return f"p50 {spread.p50:>7.1f}  p95 {spread.p95:>7.1f}  p99 {spread.p99:>7.1f}  worst {spread.worst:>7.1f}"


def memory_line(one: Memory) -> str:
    earning, redemption = one.earning_bytes / 2**20, one.redemption_bytes / 2**20
    return (
        f"memory with a backlog of {one.events:,}: earning {earning:.0f} MiB, redemption {redemption:.0f} MiB at most"
    )


def sustained_lines(runs: Sequence[Sustained]) -> list[str]:
    lines: list[str] = []
    for one in runs:
        target = "a backlog that does not end" if one.target is None else f"{one.target:,.0f} events/s"
        lines.append(
            f"sustained, {target}: earning {one.mean('earning'):,.0f}/s, redemption {one.mean('redemption'):,.0f}/s"
        )
        lines.append(_HEAD)
        elapsed = 0.0
        for window in one.windows:
            elapsed += window.seconds
            lines.append(_window(elapsed, window))
        cpu = ", ".join(f"{name} {share:.2f}" for name, share in one.cpu().items() if share >= 0.005)
        waits = ", ".join(f"{name} {share:.2f}" for name, share in one.waits.items())
        checkpointer = ", ".join(f"{name} {value:,.0f}" for name, value in one.checkpointer.items())
        late = "" if one.sent_late is None else f"; the sender was at most {one.sent_late * 1000:.0f} ms late"
        lines += [
            f"  cores: {cpu}",
            f"  sessions at each look: {waits}",
            f"  checkpointer: {checkpointer}{late}",
            f"  limit: {one.limit()}",
        ]
    return lines


def _window(elapsed: float, window: Window) -> str:
    postgres = sum(share for name, share in window.cpu.items() if name.startswith("postgres "))
    cores = ", ".join(f"{name} {window.cpu[name]:.2f}" for name in _SHOWN_PROCESSES if name in window.cpu)
    return (
        f"{elapsed:>6.0f}{window.sent:>9,.0f}{window.earning:>9,.0f}{window.redemption:>9,.0f}{window.behind:>10,}"
        f"{window.wal_bytes / 1e6:>9.1f}{window.checkpoints:>5}{window.machine:>8.0%}  {cores}, postgres {postgres:.2f}"
    )
