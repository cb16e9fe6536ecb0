"""`tier.floor_requested`: an operator asks that a member's tier never falls below one, whatever counts for it."""

from typing import ClassVar, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier


class TierFloorRequested(CausedEvent):
    """The lowest tier from the event's time on, asked by one person and approved by another; null lifts the floor."""

    TYPE: ClassVar[str] = "greenpoints.tier.floor_requested.v1"
    TOPIC: ClassVar[str] = "earning.effects.v1"

    floor_id: Identifier
    tier_id: Identifier | None = None
    reason: FreeText
    evidence: Identifier
    requested_by: Identifier
    approved_by: Identifier

    @model_validator(mode="after")
    def _has_two_persons(self) -> Self:
        if self.requested_by == self.approved_by:
            raise PydanticCustomError("two_persons", "a tier floor is approved by a second person")
        return self
