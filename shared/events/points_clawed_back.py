"""`points.clawed_back`: earning takes back points of a grant because of a refund."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import MAX_LINES, ClawBackPolicy, Identifier, MinorUnits, Points, UuidText
from shared.events.points_granted import GrantLine


class PointsClawedBack(CausedEvent):
    """What a refund takes of one grant; `cost_minor` goes back to the grant's budget."""

    TYPE: ClassVar[str] = "greenpoints.points.clawed_back.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    grant_id: UuidText
    points: Points
    refund_id: Identifier
    policy: ClawBackPolicy
    cost_minor: MinorUnits
    lines: tuple[GrantLine, ...] = Field(default=(), max_length=MAX_LINES + 1)
