"""hold.confirmed: a person confirmed the case."""

from services.notification.desk import HoldWords, NotificationDesk
from shared.events.hold_confirmed import HoldConfirmed
from shared.runtime.batch import Delivered, Fate


def on_hold_confirmed(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Keep the person's note; the message comes of points.forfeited."""
    confirmed = delivered.required_event.data
    assert isinstance(confirmed, HoldConfirmed)  # noqa: S101 - the runtime chooses the handler by this type
    hold = (confirmed.program_id, confirmed.member_id, confirmed.hold_id)
    desk.hear_of_hold(hold, HoldWords(None, None, "confirmed", confirmed.note))
    return Fate.APPLIED
