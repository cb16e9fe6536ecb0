"""An authorization: points that a till has reserved for part of a bill, until it captures or voids them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.redemption.domain.lot import LotPoints


class State(StrEnum):
    """`empty` reserved nothing, because nothing could be paid."""

    EMPTY = "empty"
    PLACED = "placed"
    CAPTURED = "captured"
    VOIDED = "voided"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Authorization:
    """`rate_points` points pay `rate_minor` minor units, in steps of `step_points`; `shares` are what it reserved.

    `refunded_minor` is what refunds gave back of the captured amount so far, `given_back` the points for it.
    """

    authorization_id: UUID
    program_id: str
    member_id: str
    merchant_id: str
    receipt_id: str | None
    idempotency_key: str
    body_hash: bytes
    points: int
    amount_minor: int
    currency: str
    rate_points: int
    rate_minor: int
    step_points: int
    offset_day_id: str | None
    limited_by: str | None
    price_version: int
    state: State
    placed_at: datetime
    releases_at: datetime
    ended_at: datetime | None = None
    captured_points: int = 0
    captured_minor: int = 0
    redemption_id: UUID | None = None
    refunded_minor: int = 0
    given_back: int = 0
    shares: tuple[LotPoints, ...] = ()

    @property
    def member(self) -> tuple[str, str]:
        return self.program_id, self.member_id

    def worth(self, points: int) -> int:
        """What points of whole steps pay, in minor units."""
        return points * self.rate_minor // self.rate_points

    def owed_back(self, cumulative_minor: int) -> int:
        """Points to give back now, once refunds gave back `cumulative_minor` in all; never more than captured."""
        if not self.captured_minor:
            return 0
        refunded = min(cumulative_minor, self.captured_minor)
        return max(0, self.captured_points * refunded // self.captured_minor - self.given_back)
