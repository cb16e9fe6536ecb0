"""A hold: points of a member that must not be spent until a person has looked (C26)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from services.redemption.domain.lot import Lot

_NO_SHARES: Mapping[UUID, int] = MappingProxyType({})


class Scope(StrEnum):
    """What a hold binds: the member's points, those that come later included, or those of named grants."""

    MEMBER = "member"
    GRANTS = "grants"


class Verdict(StrEnum):
    """What a person decided."""

    RELEASED = "released"
    CONFIRMED = "confirmed"


class Placed(NamedTuple):
    """What hold.placed asked for; `asked` None means all points of the scope."""

    scope: Scope
    grant_ids: frozenset[UUID]
    asked: int | None
    reason: str
    deadline: datetime
    case_id: str
    event_id: str
    event_key: UUID
    correlation_id: str
    at: datetime


class Decision(NamedTuple):
    """Who ended the hold, and why; `points` are those that a confirmation names, None where it was released."""

    verdict: Verdict
    points: int | None
    person: str
    note: str
    event_id: str
    event_key: UUID
    correlation_id: str
    at: datetime


class HeldPoints(NamedTuple):
    """Points of one lot that one hold binds."""

    hold_id: str
    lot_id: UUID
    grant_id: UUID
    points: int


class Hold(NamedTuple):
    """bound = held + taken_back + forfeited + released, always; `shares` (lot → points) sum to held.

    A share that has become 0 stays, to tell where the hold once bound some.
    `placed` is None while only the decision has come, `decision` while nobody has decided.
    """

    hold_id: str
    placed: Placed | None = None
    decision: Decision | None = None
    shares: Mapping[UUID, int] = _NO_SHARES
    bound: int = 0
    taken_back: int = 0
    forfeited: int = 0
    released: int = 0

    @property
    def held(self) -> int:
        return sum(self.shares.values())

    @property
    def is_open(self) -> bool:
        return self.decision is None and self.placed is not None

    @property
    def binds_everything(self) -> bool:
        """Whether no point of the member is free of it, whatever comes."""
        placed = self.placed
        return self.is_open and placed is not None and placed.scope is Scope.MEMBER and placed.asked is None

    def wants(self, free: int) -> int:
        """How many of the free points it still binds; what was taken out of it, it does not replace."""
        if not self.is_open or self.placed is None:
            return 0
        if self.placed.asked is None:
            return free
        return min(free, max(0, self.placed.asked - self.held - self.taken_back - self.forfeited))

    def covers(self, lot: Lot) -> bool:
        placed = self.placed
        return placed is not None and (placed.scope is Scope.MEMBER or lot.grant_id in placed.grant_ids)

    def with_more(self, shares: Iterable[tuple[UUID, int]]) -> "Hold":
        """Bind more points."""
        held = dict(self.shares)
        more = 0
        for lot_id, points in shares:
            held[lot_id] = held.get(lot_id, 0) + points
            more += points
        return self._replace(shares=held, bound=self.bound + more)

    def without(self, lot_id: UUID, points: int) -> "Hold":
        """Points that no longer are in its share of a lot; the caller says where they went."""
        return self._replace(shares={**self.shares, lot_id: self.shares[lot_id] - points})


def in_order(holds: Iterable[Hold]) -> list[Hold]:
    """Those that were placed, the earliest first; the id settles a tie."""
    placed = [(hold.placed.at, hold.hold_id, hold) for hold in holds if hold.placed is not None]
    return [hold for _, _, hold in sorted(placed, key=lambda each: each[:2])]
