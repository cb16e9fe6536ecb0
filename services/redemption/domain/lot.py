"""A lot: the points of one grant, and where each of them is now. All amounts are whole points."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

_NEVER = datetime.max.replace(tzinfo=UTC)


class Account(StrEnum):
    """The accounts of invariant 1 (design: "Invariants the audit proves")."""

    ISSUED = "issued"
    PENDING = "pending"
    AVAILABLE = "available"
    RESERVED = "reserved"
    HELD = "held"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    FORFEITED = "forfeited"
    CLAWED_BACK = "clawed_back"
    DEFICIT = "deficit"
    WAIVED = "waived"


class LotState(StrEnum):
    """What `lot_state` says of a lot; the journal posts the first two."""

    PENDING = "pending"
    AVAILABLE = "available"
    EXPIRED = "expired"


class Movement(NamedTuple):
    """Points going from one account to another, in one lot."""

    lot_id: UUID
    grant_id: UUID
    from_account: Account
    to_account: Account
    points: int


class Origin(NamedTuple):
    """Where a lot comes from: the event that opened it and the story it belongs to."""

    granted_event_id: str
    correlation_id: str
    rule_version: int | None = None


class LotPoints(NamedTuple):
    """Points of one lot: a share of a debit, of a set-off or of a claw-back."""

    lot_id: UUID
    grant_id: UUID
    points: int


class Lot(NamedTuple):
    """points = remaining + held + reserved + redeemed + clawed_back + set_off + expired + forfeited + passed_on.

    `posted` is what the journal says, `state` what the database clock says; they differ until the clock's
    doing is posted. `clawed_back` was taken for the lot's own grant, `set_off` for a claw-back of another;
    `recalled` is the sum of the claw-backs of its grant, wherever they were taken. Points given back after the lot's
    date were `passed_on` to a child lot, which names it as `child_of` and has an id of its own.
    """

    lot_id: UUID
    grant_id: UUID
    points: int
    remaining: int
    posted: LotState
    state: LotState
    granted_at: datetime
    available_at: datetime | None
    expires_at: datetime | None
    origin: Origin
    lapses_at: datetime | None = None  # when it expires, once its owed notices are recorded (C20)
    reserved: int = 0
    redeemed: int = 0
    clawed_back: int = 0
    set_off: int = 0
    expired: int = 0
    forfeited: int = 0
    recalled: int = 0
    held: int = 0
    passed_on: int = 0
    child_of: UUID | None = None

    @property
    def account(self) -> Account:
        """The account its remaining points are posted to."""
        return Account.PENDING if self.posted is LotState.PENDING else Account.AVAILABLE

    @property
    def spendable(self) -> int:
        """Points a member can spend from it now; 0 until maturity is posted."""
        both = self.posted is LotState.AVAILABLE and self.state is LotState.AVAILABLE
        return self.remaining if both else 0

    @property
    def free(self) -> int:
        """Points that a hold may bind, pending or available."""
        return 0 if self.state is LotState.EXPIRED else self.remaining

    def hold(self, points: int) -> "Lot":
        return self._replace(remaining=self.remaining - points, held=self.held + points)

    def let_go(self, points: int) -> "Lot":
        return self._replace(remaining=self.remaining + points, held=self.held - points)

    def reserve(self, points: int) -> "Lot":
        return self._replace(remaining=self.remaining - points, reserved=self.reserved + points)

    def share(self, points: int) -> LotPoints:
        return LotPoints(self.lot_id, self.grant_id, points)

    def movement(self, from_account: Account, to_account: Account, points: int) -> Movement:
        return Movement(self.lot_id, self.grant_id, from_account, to_account, points)

    def pay_deficit(self, points: int) -> "Lot":
        """Give points to another grant's claw-back."""
        return self._replace(remaining=self.remaining - points, set_off=self.set_off + points)


def spend_order(lot: Lot) -> tuple[datetime, datetime, UUID]:
    """Earliest expiry first, undated last, then oldest (design: "Spend order"); the id settles a tie."""
    return (lot.expires_at or _NEVER, lot.granted_at, lot.lot_id)
