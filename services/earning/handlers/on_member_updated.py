"""`member.updated`: what earning goes by changed; a phone now verified may bring the reward for joining (C01)."""

from typing import cast

from services.earning.decide.decline import decide
from services.earning.decide.profile import enter_profile
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.decide.sign_up import is_granted, reward_verified
from services.earning.desk import EarningDesk
from shared.events.keys import member_key
from shared.events.member_updated import MemberUpdated
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_member_updated(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Take the profile over from here on; nothing that was decided is decided anew. It registers nobody."""
    profile = cast(MemberUpdated, delivered.required_event.data)
    require_program(desk, profile.program_id)
    member = (profile.program_id, profile.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, *member)) is not None:
        return fate
    known = desk.members.get(member)
    if known is None or not known.is_open_at(delivered.required_event.time):
        decide(delivered, desk, "declined", code=ReasonCode.ISSUE_TO_UNSPECIFIED)
        return Fate.APPLIED
    enter_profile(delivered, profile, desk)
    code = reward_verified(delivered, profile.member_id, profile.program_id, desk)
    granted = is_granted(delivered, profile.member_id, profile.program_id, desk)
    decide(delivered, desk, "granted" if granted else "updated", code=code)
    return Fate.APPLIED
