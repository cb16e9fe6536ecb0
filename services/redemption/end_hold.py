"""A person's decision ends a hold; nothing else does (C26)."""

from services.redemption.desk import Cause, Member, RedemptionDesk
from services.redemption.domain.binding import bind, forfeit, release
from services.redemption.domain.hold import Decision, Hold, Verdict
from services.redemption.domain.wallet import set_off
from services.redemption.give_up import give_up_if_closed
from services.redemption.outcomes import tell_set_off
from services.redemption.post_clock import post_clock
from services.redemption.told.holds import tell_forfeited, tell_held, tell_released
from shared.events.cloudevent import Rejected
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_released import HoldReleased
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Fate


def decide_hold(desk: RedemptionDesk, member: Member, hold_id: str, decision: Decision) -> Fate:
    """End the hold, or keep the decision for a hold that is still to come.

    Raises Rejected where another decision stands: both cannot be right, so an operator must see it.
    """
    wallet = desk.wallet(member)
    hold = wallet.holds.get(hold_id)
    if hold is not None and hold.decision is not None:
        if _same(hold.decision, decision):
            return Fate.DUPLICATE
        raise Rejected(
            ReasonCode.HOLD_ALREADY_DECIDED,
            f"Hold {hold_id} was {hold.decision.verdict} by {hold.decision.event_id}; the first decision stands. "
            "Correct the balance by an operator's correction if it was wrong.",
        )
    if hold is None:
        desk.keep(member, wallet.with_holds((Hold(hold_id, decision=decision),)))
        return Fate.APPLIED
    post_clock(desk, [member])
    end_hold(desk, member, hold_id, decision)
    return Fate.APPLIED


def end_hold(desk: RedemptionDesk, member: Member, hold_id: str, decision: Decision) -> None:
    """Forfeit what was confirmed and let the rest go: the other holds bind of it, then it repays a deficit."""
    wallet, cause = desk.wallet(member), _cause(decision)
    if decision.points:
        wallet, lost = forfeit(wallet, hold_id, decision.points)
        desk.keep(member, wallet)
        tell_forfeited(desk, member, lost, cause, decision)
    wallet, freed = release(wallet, hold_id, decision)
    desk.keep(member, wallet)
    tell_released(desk, member, freed, cause, decision)
    wallet, bound = bind(wallet)
    desk.keep(member, wallet)
    tell_held(desk, member, bound, cause)
    wallet, repaid = set_off(wallet)
    desk.keep(member, wallet)
    tell_set_off(desk, member, repaid, cause)
    give_up_if_closed(desk, member, cause)


def _same(stands: Decision, comes: Decision) -> bool:
    return (stands.verdict, stands.points) == (comes.verdict, comes.points)


def _cause(decision: Decision) -> Cause:
    model = HoldReleased if decision.verdict is Verdict.RELEASED else HoldConfirmed
    return Cause(model.TYPE, decision.event_key, decision.event_id, decision.at)
