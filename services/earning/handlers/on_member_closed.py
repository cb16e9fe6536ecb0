"""`member.closed`: redemption closed the account; what happens to its member afterwards earns nothing (C22, C01)."""

from typing import cast

from services.earning.decide.birthday import set_timer
from services.earning.decide.decline import decide
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.desk import EarningDesk
from shared.events.keys import member_key
from shared.events.member_closed import MemberClosed
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_member_closed(delivered: Delivered, desk: EarningDesk) -> Fate:
    """From `closed_at` on the member counts as not registered, and no birthday comes; what happened before stands."""
    closed = cast(MemberClosed, delivered.required_event.data)
    require_program(desk, closed.program_id)
    member = (closed.program_id, closed.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, *member)) is not None:
        return fate
    known = desk.members.get(member)
    if known is None:
        decide(delivered, desk, "declined", code=ReasonCode.ISSUE_TO_UNSPECIFIED)
        return Fate.APPLIED
    known.closed_at = known.closed_at or closed.closed_at
    known.birth_month_day = None
    set_timer(delivered, member, None, desk)
    desk.changed_members.add(member)
    decide(delivered, desk, "updated")
    return Fate.APPLIED
