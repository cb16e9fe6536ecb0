"""`points.corrected`: earning decided an operator's correction."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Money
from shared.events.fields import FalseByDefault, FreeText, Identifier, PointsClass, SignedPoints, Timestamp, UuidText


class PointsCorrected(CausedEvent):
    """A credit (`points` above 0, with the lot's grant) or a debit (below 0, without).

    Corrected points are not earned anew.
    """

    TYPE: ClassVar[str] = "greenpoints.points.corrected.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    correction_id: Identifier
    points: SignedPoints
    grant_id: UuidText | None = None
    points_class: PointsClass | None = Field(default=None, alias="class")
    expires_at: Timestamp | None = None
    budget_id: Identifier
    expected_cost: Money | None = None
    reason: FreeText
    evidence: Identifier
    requested_by: Identifier
    approved_by: Identifier
    may_leave_deficit: FalseByDefault = False
