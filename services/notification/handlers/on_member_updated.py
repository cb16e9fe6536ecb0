"""member.updated: the whole profile as it is now."""

from services.notification.desk import NotificationDesk
from services.notification.handlers.on_member_registered import on_member_registered
from shared.runtime.batch import Delivered, Fate


def on_member_updated(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """An opt-out counts for every message that is not sent yet."""
    return on_member_registered(delivered, desk)
