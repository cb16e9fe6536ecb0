"""What a demo is asked for and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.operator.audit import Verdict
from services.operator.demo.compare import Row
from services.operator.demo.figures import Figures
from services.operator.demo.review import Review
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
    """What a run came to; `memory` in bytes, `seconds` from the start of the process.

    `expectations` and `outcomes` are by program, `handled` and `work` by service, `messages` by state.
    """

    expectations: Mapping[str, Expectation]
    figures: Figures
    outcomes: Mapping[str, list[Row]]
    members_off: list[str]
    spent: Spent
    review: Review
    messages: Mapping[str, int]
    verdict: Verdict
    restarts: Mapping[str, int]
    memory: Mapping[str, int]
    handled: Mapping[str, Mapping[str, int]]
    work: Mapping[str, str]
    refused: Mapping[int, int]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def members(self) -> int:
        """How many members took part."""
        return sum(len(expectation.members) for expectation in self.expectations.values())

    @property
    def differing(self) -> bool:
        """Whether some outcome was found more or less often than expected."""
        return any(not row.equal for rows in self.outcomes.values() for row in rows)

    @property
    def passed(self) -> bool:
        """Every member and outcome as expected, nothing refused or restarted, the ring found, and a clean audit."""
        as_expected = not self.members_off and not self.differing and not self.review.troubles
        return as_expected and not self.refused and not any(self.restarts.values()) and self.verdict.clean
