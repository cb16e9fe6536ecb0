"""hold.placed: why points will be held."""

from services.notification.desk import HoldWords, NotificationDesk
from shared.events.hold_placed import HoldPlaced
from shared.runtime.batch import Delivered, Fate


def on_hold_placed(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Keep the words; the message comes of points.held, which says what was really held."""
    placed = delivered.required_event.data
    assert isinstance(placed, HoldPlaced)  # noqa: S101 - the runtime chooses the handler by this type
    hold = (placed.program_id, placed.member_id, placed.hold_id)
    desk.hear_of_hold(hold, HoldWords(placed.reason, placed.deadline, None, None))
    return Fate.APPLIED
