"""`member.registered`: the member may earn from now on, and what waited for the registration goes on (C01)."""

from typing import cast

from services.earning.decide.decline import decide
from services.earning.decide.profile import enter_profile
from services.earning.decide.route import forward_if_misplaced, require_program, send_on
from services.earning.decide.sign_up import is_granted, reward_joining, reward_verified
from services.earning.desk import EarningDesk, MemberEntry
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_member_registered(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Enter the member and reward the joining; a later registration only brings the profile up to date."""
    profile = cast(MemberRegistered, delivered.required_event.data)
    require_program(desk, profile.program_id)
    key = member_key(profile.program_id, profile.member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    member = (profile.program_id, profile.member_id)
    known = desk.members.get(member)
    if known is None:
        desk.members[member] = MemberEntry(profile.registered_at, profile.phone_verified, profile.listed_party)
    elif not known.is_open_at(delivered.required_event.time):
        decide(delivered, desk, "declined", code=ReasonCode.ISSUE_TO_UNSPECIFIED)  # closed for good
        return Fate.APPLIED
    else:
        known.registered_at = min(known.registered_at, profile.registered_at)
    enter_profile(delivered, profile, desk)
    for waiting in [entry for entry in desk.waiting.values() if (entry.program_id, entry.member_id) == member]:
        if not waiting.sent_on:
            send_on(waiting, desk)
    reward = reward_joining if known is None else reward_verified
    code = reward(delivered, profile.member_id, profile.program_id, desk)
    granted = is_granted(delivered, profile.member_id, profile.program_id, desk)
    decide(delivered, desk, "granted" if granted else "registered", code=code)
    return Fate.APPLIED
