"""What a detector found: one rule, one key, one window, and whose points a person should look at first."""

from dataclasses import dataclass
from typing import NamedTuple

from services.fraud_monitoring.domain.limits import Limit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import Stretch, period


class Suspect(NamedTuple):
    """A member to hold, and the own event that put them here; with a `grant_id` that grant alone."""

    member: str
    cause: Seen
    grant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A threshold reached. `subject_key` is shown; `identity` with rule and period makes the ids."""

    rule: str
    program_id: str
    subject_key: str
    identity: str
    period: int
    stretch: Stretch
    value: int
    threshold: int
    evidence: tuple[Seen, ...]
    suspects: tuple[Suspect, ...]

    @property
    def trigger(self) -> Seen:
        """The latest of what was counted: the event that is named as the signal's cause."""
        return self.evidence[-1]

    @property
    def arrival(self) -> int:
        """When the last of it arrived, in microseconds: the review's deadline counts from here."""
        return max(seen.arrival for seen in self.evidence)


def found(
    rule: str,
    program_id: str,
    subject_key: str,
    stretch: Stretch,
    limit: Limit,
    value: int,
    evidence: tuple[Seen, ...],
    suspects: tuple[Suspect, ...],
    *,
    identity: str | None = None,
) -> Finding:
    return Finding(
        rule,
        program_id,
        subject_key,
        identity or subject_key,
        period(stretch, limit),
        stretch,
        value,
        limit.threshold,
        evidence,
        suspects,
    )
