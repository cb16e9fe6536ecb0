"""`points.released`: a hold let go of its points."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier, Points, SignedPoints


class PointsReleased(CausedEvent):
    """The points are spendable again and expire no earlier than 30 days from now."""

    TYPE: ClassVar[str] = "greenpoints.points.released.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    hold_id: Identifier
    points: Points
    balance_before: SignedPoints
    balance_after: SignedPoints
    reason: FreeText | None = None
