"""member.registered: a new member has an empty wallet, and a balance of nothing rather than no answer."""

from services.redemption.desk import RedemptionDesk
from shared.events.member_registered import MemberRegistered
from shared.runtime.batch import Delivered, Fate


def on_member_registered(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Open the member's wallet; one that is there stays as it is."""
    data = delivered.required_event.data
    assert isinstance(data, MemberRegistered)  # noqa: S101 - the runtime chooses the handler by this type
    desk.members.add((data.program_id, data.member_id))
    return Fate.APPLIED
