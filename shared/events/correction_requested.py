"""`correction.requested`: an operator asks for a balance to be corrected."""

from typing import ClassVar, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import CausedEvent
from shared.events.fields import FalseByDefault, FreeText, Identifier, SignedPoints


class CorrectionRequested(CausedEvent):
    """A credit (`points` above 0) or debit (below 0), asked by one person and approved by another."""

    TYPE: ClassVar[str] = "greenpoints.correction.requested.v1"
    TOPIC: ClassVar[str] = "earning.effects.v1"

    correction_id: Identifier
    points: SignedPoints
    reason: FreeText
    evidence: Identifier
    requested_by: Identifier
    approved_by: Identifier
    budget_id: Identifier
    may_leave_deficit: FalseByDefault = False

    @model_validator(mode="after")
    def _has_two_persons(self) -> Self:
        if self.requested_by == self.approved_by:
            raise PydanticCustomError("two_persons", "a correction is approved by a second person")
        if self.points == 0:
            raise PydanticCustomError("no_points", "a correction is of more or less than 0 points")
        return self
