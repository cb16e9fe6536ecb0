"""`points.debited`: redemption's complete account of a debit by correction (an addition to the contract)."""

from typing import ClassVar, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Points, SignedPoints, UuidText
from shared.events.points_redeemed import Allocation


class PointsDebited(CausedEvent):
    """What became of a debit of `asked` points that two operators agreed on: all of it, or nothing and a code.

    The allocations are the spendable points that were forfeited; the rest of `points` raised the deficit, which only
    a debit that may leave one does.
    """

    TYPE: ClassVar[str] = "greenpoints.points.debited.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    debit_id: UuidText
    correction_id: Identifier
    asked: Points
    points: Points
    allocations: tuple[Allocation, ...] = ()
    balance_before: SignedPoints
    balance_after: SignedPoints
    deficit_before: Points
    deficit_after: Points
    code: Identifier | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        taken = sum(allocation.points for allocation in self.allocations)
        if taken + self.deficit_after - self.deficit_before != self.points:
            raise PydanticCustomError("allocations_do_not_sum", "what was taken and what is owed must sum to points")
        if self.points != (0 if self.code else self.asked):
            raise PydanticCustomError("all_or_nothing", "a debit is taken whole, or refused with a code")
        return self
