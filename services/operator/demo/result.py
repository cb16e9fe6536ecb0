"""What a demo is asked for and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.operator.audit import Verdict
from services.operator.demo.compare import Row
from services.operator.demo.figures import Figures
from services.operator.demo.spend import Spent
from services.operator.traffic.sent import Expectation


@dataclass(frozen=True, slots=True)
class Plan:
    """What a demo was asked for; `rate` in events per second."""

    purchases: int
    seed: int
    rate: int
    keep: bool


@dataclass(slots=True)
class Result:
    """What a run came to; `memory` in bytes, `seconds` from the start of the process."""

    expectation: Expectation
    figures: Figures
    outcomes: list[Row]
    members_off: list[str]
    spent: Spent
    verdict: Verdict
    restarts: Mapping[str, int]
    memory: Mapping[str, int]
    handled: Mapping[str, Mapping[str, int]]
    refused: Mapping[int, int]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Every member and outcome as expected, nothing refused or restarted, and a clean audit."""
        as_expected = not self.members_off and all(row.equal for row in self.outcomes)
        return as_expected and not self.refused and not any(self.restarts.values()) and self.verdict.clean
