"""points.corrected: operators credited the member; told in the digest of what was earned."""

from services.notification.desk import NotificationDesk, tell
from shared.events.cloudevent import uuid_from
from shared.events.correction_requested import CorrectionRequested
from shared.events.points_corrected import PointsCorrected
from shared.runtime.batch import Delivered, Fate


def on_points_corrected(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Add the credit to the member's digest of this window; a debit is told once it was taken (points.debited)."""
    corrected = delivered.required_event.data
    assert isinstance(corrected, PointsCorrected)  # noqa: S101 - the runtime chooses the handler by this type
    if corrected.points <= 0 or corrected.grant_id is None:
        return Fate.IGNORED
    return tell(
        delivered,
        desk,
        corrected.points,
        kind=CorrectionRequested.TYPE,
        lot_id=uuid_from(corrected.grant_id),
        at=delivered.required_event.time,
        window=desk.windows.digest,
    )
