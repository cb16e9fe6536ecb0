"""points.clawed_back: a refund takes points of a grant back."""

from uuid import UUID

from services.redemption.desk import RedemptionDesk, SettledClawBack
from services.redemption.domain.claw_back import ClawBackRefusedError, Policy, claw_back
from services.redemption.domain.clock import catch_up
from services.redemption.note_purchase import note_refund
from services.redemption.outcomes import cause_of, tell_taken_back
from services.redemption.post_clock import post_clock
from shared.events.cloudevent import Rejected
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_points_clawed_back(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Take the points from the grant's own lot, then as the policy says, and account for every one (C19).

    A claw-back that does not fit the books becomes a dead letter: nothing is taken.
    """
    event, asked = delivered.required_event, _data(delivered)
    claw_back_id = _id(event.id)
    if claw_back_id in desk.known_claw_backs:
        return Fate.DUPLICATE
    member = (asked.program_id, asked.member_id)
    grant_id = UUID(asked.grant_id)
    matured, _, _ = catch_up(desk.wallet(member))
    try:
        wallet, outcome = claw_back(matured, grant_id, asked.points, Policy(asked.policy))
    except ClawBackRefusedError as refused:
        raise Rejected(ReasonCode.OVER_REFUND, str(refused)) from refused
    post_clock(desk, [member])
    desk.keep(member, wallet)
    desk.known_claw_backs.add(claw_back_id)
    desk.claw_backs.append(SettledClawBack(claw_back_id, member, asked.refund_id, event.time, outcome))
    desk.post(member, outcome.movements, cause_of(event))
    tell_taken_back(desk, event, asked, outcome)
    if desk.asked_labels and asked.lines:
        note_refund(desk, asked, grant_id)
    return Fate.APPLIED


def _id(event_id: str) -> UUID:
    try:
        return UUID(event_id)
    except ValueError:
        raise Rejected(
            ReasonCode.MALFORMED, f"The claw-back's event id {event_id} is no UUID; earning derives one from its cause."
        ) from None


def _data(delivered: Delivered) -> PointsClawedBack:
    data = delivered.required_event.data
    assert isinstance(data, PointsClawedBack)  # noqa: S101 - the runtime chooses the handler by this type
    return data
