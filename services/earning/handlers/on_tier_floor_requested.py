"""`tier.floor_requested`: two persons agreed on the lowest tier a member may have; the tier follows at once."""

from typing import cast

from services.earning.decide.decline import decide
from services.earning.decide.occasion import program_at
from services.earning.decide.route import forward_if_misplaced, require_own, require_program, wait_for_turn
from services.earning.desk import EarningDesk
from services.earning.tier_book import TierFloor
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.tier_floor_requested import TierFloorRequested
from shared.runtime.batch import Delivered, Fate


def on_tier_floor_requested(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Set the floor, or lift it; declined for somebody unknown, and where the version in force has no such tier.

    What changes for the member is decided after the handler, as after any event (with_tiers).
    """
    event = delivered.required_event
    asked = cast(TierFloorRequested, event.data)
    require_own(delivered)
    require_program(desk, asked.program_id)
    member = (asked.program_id, asked.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, *member)) is not None:
        return fate
    code = _refusal(delivered, asked, desk)
    if code is not None:
        decide(delivered, desk, "declined", code=code)
        return Fate.APPLIED
    entry = desk.tiers.of(member)
    entry.floor = None if asked.tier_id is None else TierFloor(asked.tier_id, event.time)
    entry.changed = True
    desk.tiers.moved.add(member)
    decide(delivered, desk, "updated")
    return Fate.APPLIED


def _refusal(delivered: Delivered, asked: TierFloorRequested, desk: EarningDesk) -> ReasonCode | None:
    if (asked.program_id, asked.member_id) not in desk.members:
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    program = program_at(delivered.required_event, asked.program_id, desk)
    if program is None:
        return ReasonCode.PROGRAM_NOT_IN_FORCE
    known = program.tiers is not None and (asked.tier_id is None or asked.tier_id in program.tiers.ids)
    return None if known else ReasonCode.NOT_ELIGIBLE
