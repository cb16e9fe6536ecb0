"""`points.held`: redemption states what a hold really holds (C26)."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent, Part
from shared.events.fields import Identifier, Identifiers, Points, SignedPoints, Timestamp, UuidText


class NewlyHeld(Part):
    """Points of one lot that the hold did not bind before, and the state they were in."""

    lot_id: UuidText
    grant_id: UuidText
    points: Points
    from_state: Literal["pending", "available"]


class PointsHeld(CausedEvent):
    """The points a hold binds now, which may be fewer than it asked for.

    `allocations` are those it did not bind before this event: a hold binds more when a grant it waited for comes.
    The balances are the spendable points.
    """

    TYPE: ClassVar[str] = "greenpoints.points.held.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    hold_id: Identifier
    scope: Literal["member", "grants"]
    grant_ids: Identifiers = ()
    points: Points
    deadline: Timestamp | None = None
    balance_before: SignedPoints
    balance_after: SignedPoints
    allocations: tuple[NewlyHeld, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if sum(allocation.points for allocation in self.allocations) > self.points:
            raise PydanticCustomError("allocations_too_many", "a hold binds at least what it newly binds")
        return self
