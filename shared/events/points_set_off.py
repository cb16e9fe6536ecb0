"""`points.set_off`: a lot repaid a deficit (an addition to the contract)."""

from typing import ClassVar, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent
from shared.events.fields import Points, UuidText


class PointsSetOff(CausedEvent):
    """`points` of the lot lowered the deficit before any of it became spendable (C19)."""

    TYPE: ClassVar[str] = "greenpoints.points.set_off.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    lot_id: UuidText
    points: Points
    deficit_before: Points
    deficit_after: Points

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.deficit_before - self.points != self.deficit_after:
            raise PydanticCustomError("deficit", "deficit_after is deficit_before less points")
        return self
