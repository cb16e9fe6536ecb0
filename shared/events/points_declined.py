"""`points.declined`: something could have earned and did not, and why."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Code, FreeText, Identifier, Points
from shared.events.points_granted import GrantSource


class PointsDeclined(CausedEvent):
    """A refusal with its reason code; `member_id` is null for an anonymous receipt (C01)."""

    TYPE: ClassVar[str] = "greenpoints.points.declined.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    member_id: Identifier | None = None  # type: ignore[assignment]
    code: Code
    would_have_earned: Points
    source: GrantSource
    detail: FreeText | None = None
