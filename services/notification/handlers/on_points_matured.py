"""points.matured: points became spendable; told in a digest."""

from services.notification.desk import NotificationDesk, tell
from shared.events.cloudevent import uuid_from
from shared.events.points_matured import PointsMatured
from shared.runtime.batch import Delivered, Fate


def on_points_matured(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Tell what can be spent now: what repaid a deficit is none of it."""
    matured = delivered.required_event.data
    assert isinstance(matured, PointsMatured)  # noqa: S101 - the runtime chooses the handler by this type
    spendable = matured.points - matured.deficit_set_off
    if not spendable:
        return Fate.IGNORED
    return tell(
        delivered,
        desk,
        spendable,
        lot_id=uuid_from(matured.lot_id),
        at=matured.matured_at,
        window=desk.windows.digest,
    )
