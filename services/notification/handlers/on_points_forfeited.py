"""points.forfeited: points are lost, by a person's decision on a hold or with a closed account."""

from services.notification.desk import NotificationDesk, tell
from shared.events.points_forfeited import PointsForfeited
from shared.runtime.batch import Delivered, Fate


def on_points_forfeited(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """One message per hold, with the person's note where there was one."""
    lost = delivered.required_event.data
    assert isinstance(lost, PointsForfeited)  # noqa: S101 - the runtime chooses the handler by this type
    return tell(delivered, desk, lost.points, kind=lost.cause)
