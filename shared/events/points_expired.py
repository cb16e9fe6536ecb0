"""`points.expired`: a lot expired after its notices were given (C20)."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Points, SignedPoints, Timestamp, UuidText


class PointsExpired(CausedEvent):
    """What was left of the lot at `expired_at`."""

    TYPE: ClassVar[str] = "greenpoints.points.expired.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    lot_id: UuidText
    grant_id: UuidText
    points: Points
    expired_at: Timestamp
    balance_before: SignedPoints
    balance_after: SignedPoints
