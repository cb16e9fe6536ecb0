"""points.expiring_soon: points are about to expire; until the member is told, they do not (C20)."""

from services.notification.desk import NotificationDesk, tell
from shared.events.cloudevent import uuid_from
from shared.events.points_expiring_soon import PointsExpiringSoon
from shared.runtime.batch import Delivered, Fate


def on_points_expiring_soon(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """One notice per event, so that its message names the event as its cause: redemption waits for that."""
    soon = delivered.required_event.data
    assert isinstance(soon, PointsExpiringSoon)  # noqa: S101 - the runtime chooses the handler by this type
    only = uuid_from(soon.lot_ids[0]) if len(soon.lot_ids) == 1 else None
    return tell(delivered, desk, soon.points, lot_id=only, at=soon.expires_at)
