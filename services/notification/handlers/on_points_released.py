"""points.released: a hold ended and its points are free."""

from services.notification.desk import NotificationDesk, tell
from shared.events.points_released import PointsReleased
from shared.runtime.batch import Delivered, Fate


def on_points_released(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """One message per hold; one that bound nothing was never told of either."""
    released = delivered.required_event.data
    assert isinstance(released, PointsReleased)  # noqa: S101 - the runtime chooses the handler by this type
    if not released.points:
        return Fate.IGNORED
    return tell(delivered, desk, released.points)
