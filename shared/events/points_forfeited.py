"""`points.forfeited`: points were given up with an account or lost to a confirmed hold."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Points, SignedPoints, UuidText
from shared.events.points_redeemed import Allocation


class LostFromLot(Allocation):
    """What one lot lost, and the hold that bound it, where one did."""

    hold_id: Identifier | None = None


class PointsForfeited(CausedEvent):
    """The lots that lost points; the allocations sum to `points`. `hold_id` is the hold that a person confirmed."""

    TYPE: ClassVar[str] = "greenpoints.points.forfeited.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    forfeit_id: UuidText
    points: Points
    allocations: tuple[LostFromLot, ...] = Field(min_length=1)
    cause: Literal["account_closed", "hold_confirmed"]
    balance_before: SignedPoints
    balance_after: SignedPoints
    hold_id: Identifier | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if sum(allocation.points for allocation in self.allocations) != self.points:
            raise PydanticCustomError("allocations_do_not_sum", "the allocations must sum to points (C25)")
        return self
