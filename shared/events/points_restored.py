"""`points.restored`: spent points went back to the lots they came from."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent, Part
from shared.events.fields import FreeText, Points, SignedPoints, Timestamp, UuidText


class RestoredLot(Part):
    """What one lot got back; `child_of` names the old lot where its date had passed."""

    lot_id: UuidText
    grant_id: UuidText
    points: Points
    expires_at: Timestamp | None = None
    child_of: UuidText | None = None


class PointsRestored(CausedEvent):
    """The reverse of a redemption or part of it; `deficit_set_off` of the points repaid a deficit."""

    TYPE: ClassVar[str] = "greenpoints.points.restored.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    restoration_id: UuidText
    redemption_id: UuidText
    points: Points
    allocations: tuple[RestoredLot, ...] = Field(min_length=1)
    balance_before: SignedPoints
    balance_after: SignedPoints
    deficit_set_off: Points = 0
    reason: FreeText | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if sum(allocation.points for allocation in self.allocations) != self.points:
            raise PydanticCustomError("allocations_do_not_sum", "the allocations must sum to points (C25)")
        return self
