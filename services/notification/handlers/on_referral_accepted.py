"""referral.accepted: somebody joined on an invitation; the invitee is welcomed."""

from services.notification.desk import NotificationDesk, tell
from shared.runtime.batch import Delivered, Fate


def on_referral_accepted(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Marketing: it invites to a first order, so it needs the invitee's consent (C23)."""
    return tell(delivered, desk, 0)
