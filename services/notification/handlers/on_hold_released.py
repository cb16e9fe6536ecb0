"""hold.released: a person cleared the case."""

from services.notification.desk import HoldWords, NotificationDesk
from shared.events.hold_released import HoldReleased
from shared.runtime.batch import Delivered, Fate


def on_hold_released(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Keep the person's note; the message comes of points.released."""
    released = delivered.required_event.data
    assert isinstance(released, HoldReleased)  # noqa: S101 - the runtime chooses the handler by this type
    hold = (released.program_id, released.member_id, released.hold_id)
    desk.hear_of_hold(hold, HoldWords(None, None, "released", released.note))
    return Fate.APPLIED
