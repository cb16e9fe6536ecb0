"""`points.expiring_soon`: lots expire in 30 or 7 days and the member is to be told (C20)."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import Points, Timestamp, UniqueIdentifiers


class PointsExpiringSoon(CausedEvent):
    """The lots that expire at `expires_at`, and their points together."""

    TYPE: ClassVar[str] = "greenpoints.points.expiring_soon.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    lot_ids: UniqueIdentifiers = Field(min_length=1)
    days: Literal[30, 7]
    points: Points
    expires_at: Timestamp
