"""points.granted: the member earned; told in a digest."""

from services.notification.desk import NotificationDesk, tell
from shared.events.cloudevent import uuid_from
from shared.events.points_granted import PointsGranted
from shared.runtime.batch import Delivered, Fate


def on_points_granted(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Add the grant to the member's digest of this window."""
    granted = delivered.required_event.data
    assert isinstance(granted, PointsGranted)  # noqa: S101 - the runtime chooses the handler by this type
    return tell(
        delivered,
        desk,
        granted.points,
        kind=granted.source.type,
        lot_id=uuid_from(granted.grant_id),
        reference=granted.source.receipt_id,
        at=granted.available_at,
        window=desk.windows.digest,
    )
