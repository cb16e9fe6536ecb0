"""`points.matured`: a lot became spendable."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Points, Timestamp, UuidText


class PointsMatured(CausedEvent):
    """A lot left the pending state at `matured_at`; `deficit_set_off` of its points repaid a deficit."""

    TYPE: ClassVar[str] = "greenpoints.points.matured.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    lot_id: UuidText
    points: Points
    matured_at: Timestamp
    deficit_set_off: Points = 0
