"""`points.held`: redemption states what a hold really holds (C26)."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Identifiers, Points, SignedPoints, Timestamp


class PointsHeld(CausedEvent):
    """The points a hold binds now, which may be fewer than it asked for."""

    TYPE: ClassVar[str] = "greenpoints.points.held.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    hold_id: Identifier
    scope: Literal["member", "grants"]
    grant_ids: Identifiers = ()
    points: Points
    deadline: Timestamp | None = None
    balance_before: SignedPoints
    balance_after: SignedPoints
