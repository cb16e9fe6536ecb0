"""points.debited: two operators took points back by a correction; what was refused is nobody's news."""

from services.notification.desk import NotificationDesk, tell
from shared.events.points_debited import PointsDebited
from shared.runtime.batch import Delivered, Fate

KIND = "corrected"


def on_points_debited(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """One message per debit, by the words for points that are gone."""
    debited = delivered.required_event.data
    assert isinstance(debited, PointsDebited)  # noqa: S101 - the runtime chooses the handler by this type
    if not debited.points:
        return Fate.IGNORED
    return tell(delivered, desk, debited.points, kind=KIND)
