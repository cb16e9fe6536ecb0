"""What travels: raw Kafka records, wishes to spend by HTTP, a reviewer's decisions, and receipts claimed twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from services.operator.traffic.sent import MemberExpectation
from tests.infrastructure.till import PROGRAM

PARTITIONS = 8
PAIR_PREFIX = "pair-"
SUSPECT_PREFIX = "suspect-"
"""Members whose holds meet points under way: what is bound when is a race, where every point ends is not."""
LEAVING_PREFIX = "leaving-"
"""Members who take their address back while messages are under way: which ones still go out is a race."""


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as a sender hands it over; `partition` None = where murmur2 puts its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


Unit: TypeAlias = tuple[Record, ...]
"""Records sent right after one another, so that those of one partition mostly fall inside one batch."""


@dataclass(frozen=True, slots=True)
class Spend:
    """A member's wish, and the answer it must get however often it has to be asked."""

    member_id: str
    points: int
    key: str
    status: int = 201
    program_id: str = PROGRAM


@dataclass(frozen=True, slots=True)
class Review:
    """What a person decides of the one case that a member is in."""

    member_id: str
    verdict: Literal["release", "confirm"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One receipt sent for two members in two partitions: exactly one of the two events earns `points`."""

    members: tuple[str, str]
    event_ids: tuple[str, str]
    points: int


@dataclass(slots=True)
class Traffic:
    """`base`, then `settled`, then `base_spends` are handled in peace first, one after the other; `fire`, `spends`
    and `reviews` while faults happen; `last_spends` in peace again.

    `plain` is the healthy part of `fire` that may be sent once more at any time: repeats change nothing.
    `expected` says per simulated member what must have been granted and clawed back in the end.
    """

    seed: int
    until: datetime
    base: Sequence[Record]
    settled: Sequence[Record]
    base_spends: Sequence[Spend]
    fire: Sequence[Record]
    spends: Sequence[Spend]
    reviews: Sequence[Review]
    last_spends: Sequence[Spend]
    pairs: Sequence[Pair]
    plain: Sequence[Record]
    expected: dict[str, MemberExpectation] = field(repr=False)

    @property
    def events(self) -> int:
        return len(self.base) + len(self.settled) + len(self.fire)

    @property
    def repeat_with(self) -> str:
        day: date = self.until.date()
        return f"GREENPOINTS_TEST_SEED={self.seed} GREENPOINTS_TEST_UNTIL={day.isoformat()}"
