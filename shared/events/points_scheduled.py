"""`points.scheduled`: a grant that waited for its delivery gets its date."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Timestamp, UuidText


class PointsScheduled(CausedEvent):
    """The lot of the grant becomes available at `available_at`."""

    TYPE: ClassVar[str] = "greenpoints.points.scheduled.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    grant_id: UuidText
    available_at: Timestamp
