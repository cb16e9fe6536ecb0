"""`points.redeemed`: a member spent points."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent, Part
from shared.events.fields import FreeText, Identifier, Points, SignedPoints, UuidText


class Allocation(Part):
    """What one lot contributed: the look-through from a redemption to the grant that issued it (C25)."""

    lot_id: UuidText
    grant_id: UuidText
    points: Points


class PointsRedeemed(CausedEvent):
    """A debit with one allocation per lot touched; the allocations sum to `points`."""

    TYPE: ClassVar[str] = "greenpoints.points.redeemed.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    redemption_id: UuidText
    points: Points
    allocations: tuple[Allocation, ...] = Field(min_length=1)
    balance_before: SignedPoints
    balance_after: SignedPoints
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
    reason: FreeText | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if sum(allocation.points for allocation in self.allocations) != self.points:
            raise PydanticCustomError("allocations_do_not_sum", "the allocations must sum to points (C25)")
        return self
