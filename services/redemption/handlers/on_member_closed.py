"""member.closed: redemption's own word comes back to the worker, which alone opens lots (C22)."""

from services.redemption.desk import RedemptionDesk
from services.redemption.give_up import give_up_if_closed
from services.redemption.outcomes import cause_of
from services.redemption.post_clock import post_clock
from shared.events.member_closed import MemberClosed
from shared.runtime.batch import Delivered, Fate


def on_member_closed(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Give up what a batch under way booked while the account was being closed.

    Books that do not know of the closing adopt it.
    """
    event = delivered.required_event
    assert isinstance(event.data, MemberClosed)  # noqa: S101 - the runtime chooses the handler by this type
    member = (event.data.program_id, event.data.member_id)
    if desk.wallet(member).closed_at is None:
        desk.keep(member, desk.wallet(member)._replace(closed_at=event.data.closed_at))
        desk.closed[member] = event.data.closed_at
    post_clock(desk, [member])
    give_up_if_closed(desk, member, cause_of(event))
    return Fate.APPLIED
