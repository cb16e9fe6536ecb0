"""points.held: points must wait until a person has looked (C26: the member is told)."""

from services.notification.desk import NotificationDesk, tell
from shared.events.points_held import PointsHeld
from shared.runtime.batch import Delivered, Fate


def on_points_held(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Tell a new hold at once; what it binds later, as more points come, in a digest."""
    held = delivered.required_event.data
    assert isinstance(held, PointsHeld)  # noqa: S101 - the runtime chooses the handler by this type
    if not held.points:  # it will be told once it binds something
        return Fate.IGNORED
    newly = sum(allocation.points for allocation in held.allocations)
    is_later = bool(held.allocations) and newly < held.points
    return tell(
        delivered,
        desk,
        held.points,
        at=held.deadline,
        window=desk.windows.digest if is_later else None,
    )
