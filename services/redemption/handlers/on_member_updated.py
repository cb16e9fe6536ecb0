"""member.updated: the whole profile as it is now; it registers nobody."""

from services.redemption.desk import RedemptionDesk
from services.redemption.handlers.on_member_registered import hear
from shared.events.member_updated import MemberUpdated
from shared.runtime.batch import Delivered, Fate


def on_member_updated(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Who is listed from now on redeems no more (C27); nothing that was decided is decided anew."""
    data = delivered.required_event.data
    assert isinstance(data, MemberUpdated)  # noqa: S101 - the runtime chooses the handler by this type
    hear(data, desk, registers=False)
    return Fate.APPLIED
