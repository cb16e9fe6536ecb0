"""`points.released`: a hold let go of its points."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent, Part
from shared.events.fields import FreeText, Identifier, Points, SignedPoints, Timestamp, UuidText


class LetGo(Part):
    """Points of one lot that the hold let go, the state they are in now, and when the lot expires (null = never)."""

    lot_id: UuidText
    grant_id: UuidText
    points: Points
    to_state: Literal["pending", "available"]
    expires_at: Timestamp | None = None


class PointsReleased(CausedEvent):
    """The hold ended: its points are spendable again (if not pending) and expire no earlier than 30 days from now.

    `allocations`, where given, sum to `points`; the balances are the spendable points.
    """

    TYPE: ClassVar[str] = "greenpoints.points.released.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    hold_id: Identifier
    points: Points
    balance_before: SignedPoints
    balance_after: SignedPoints
    reason: FreeText | None = None
    allocations: tuple[LetGo, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.allocations and sum(allocation.points for allocation in self.allocations) != self.points:
            raise PydanticCustomError("allocations_do_not_sum", "the allocations must sum to points")
        return self
