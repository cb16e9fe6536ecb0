"""points.clawed_back: a refund, a rejected drop or a reversed referral took points back."""

from services.notification.desk import NotificationDesk, tell
from shared.events.cloudevent import uuid_from
from shared.events.points_clawed_back import PointsClawedBack
from shared.runtime.batch import Delivered, Fate


def on_points_clawed_back(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """One message per refund, though it may take from several grants."""
    taken = delivered.required_event.data
    assert isinstance(taken, PointsClawedBack)  # noqa: S101 - the runtime chooses the handler by this type
    return tell(
        delivered,
        desk,
        taken.points,
        lot_id=uuid_from(taken.grant_id),
        reference=taken.refund_id,
    )
