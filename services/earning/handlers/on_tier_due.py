"""`tier.due`: the end of a tier's validity, or of its grace, has come; what follows is decided after the handler.

Where an event of the member came first and judged that end already, nothing is left to do.
"""

from typing import cast

from services.earning.decide.decline import decide
from services.earning.decide.route import forward_if_misplaced, require_own, require_program
from services.earning.desk import EarningDesk
from shared.events.keys import member_key
from shared.events.tier_due import TierDue
from shared.runtime.batch import Delivered, Fate


def on_tier_due(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Have the member's tier judged at the event's time, which is the due instant."""
    due = cast(TierDue, delivered.required_event.data)
    require_own(delivered)
    require_program(desk, due.program_id)
    member = (due.program_id, due.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    desk.tiers.moved.add(member)
    decide(delivered, desk, "updated")
    return Fate.APPLIED
