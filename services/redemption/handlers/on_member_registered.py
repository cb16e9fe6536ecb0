"""member.registered: a new member has an empty wallet, and a balance of nothing rather than no answer."""

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.profile import ProfileWords
from shared.events.member_registered import MemberProfile, MemberRegistered
from shared.runtime.batch import Delivered, Fate


def on_member_registered(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Open the member's wallet, one that is there stays as it is; and keep what the profile says."""
    data = delivered.required_event.data
    assert isinstance(data, MemberRegistered)  # noqa: S101 - the runtime chooses the handler by this type
    desk.members.add((data.program_id, data.member_id))
    hear(data, desk, registers=True)
    return Fate.APPLIED


def hear(data: MemberProfile, desk: RedemptionDesk, *, registers: bool) -> None:
    """The whole profile as it is from here on: whether listed (C27), and the language."""
    member = (data.program_id, data.member_id)
    words = ProfileWords(data.registered_at, data.listed_party, data.locale, registers)
    desk.profiles[member] = words.after(desk.profiles.get(member))
