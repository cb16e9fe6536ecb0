"""The voucher that an invited member gets with the first order (M20): asked of redemption, recalled with the order.

Its cost is drawn on its budget when it is given, whole or not at all (C04), and stays drawn: whether a voucher that is
recalled was used before, only redemption knows.
"""

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.deeds import GivenVoucherEntry, ReferralEntry
from services.earning.desk import EarningDesk, ReceiptEntry, RefundReference
from services.earning.domain.program import CompiledProgram
from shared.events.cloudevent import derived_id
from shared.events.event import CausedEvent, Money
from shared.events.keys import member_key
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import GrantSource
from shared.events.reason_codes import ReasonCode
from shared.events.referral_accepted import ReferralAccepted
from shared.events.voucher_recalled import VoucherRecalled
from shared.events.voucher_requested import VoucherRequested
from shared.programs.vouchers import GivenVoucher
from shared.runtime import telemetry
from shared.runtime.batch import outgoing_event


def voucher_for_invitees(program: CompiledProgram) -> GivenVoucher | None:
    """The one that an invitee gets: of several the most money, then the first by name."""
    given = [each for each in program.pack.vouchers if each.enabled and each.given_for == "referral_invitee"]
    return min(given, key=lambda each: (-each.amount_minor, each.voucher_id), default=None)


def give_voucher(referral: ReferralEntry, receipt: ReceiptEntry, program: CompiledProgram, desk: EarningDesk) -> None:
    """Ask redemption for it as of the later of link and order; a budget that cannot pay it is told as a refusal."""
    given = voucher_for_invitees(program)
    if given is None or receipt.event_time is None:
        return
    at = max(receipt.event_time, referral.event_time)
    source = GrantSource(type=ReferralAccepted.TYPE, id=referral.event_id, other_member_id=referral.inviter_id)
    story = f"{receipt.event_source}#{receipt.event_id}"
    because = f"{referral.event_source}#{referral.event_id}"
    request_id = derived_id(referral.event_source, referral.event_id, f"voucher/{given.voucher_id}")
    told: CausedEvent
    event_id = request_id
    budget = program.budgets[given.budget_id]
    if budget.covers(receipt.event_time) and desk.draw((program.program_id, given.budget_id), given.amount_minor):
        referral.voucher = GivenVoucherEntry(request_id, given.voucher_id, given.budget_id, given.amount_minor)
        told = VoucherRequested(
            program_id=referral.program_id,
            member_id=referral.invitee_id,
            causation_id=because,
            correlation_id=story,
            rule_version=program.version,
            request_id=str(request_id),
            kind=given.voucher_id,
            reason=given.given_for,
            source=source,
            budget_id=given.budget_id,
            expected_cost=Money(amount_minor=given.amount_minor, currency=program.currency),
        )
    else:
        told = PointsDeclined(
            program_id=referral.program_id,
            member_id=referral.invitee_id,
            causation_id=because,
            correlation_id=story,
            rule_version=program.version,
            code=ReasonCode.BUDGET_EXHAUSTED.value,
            would_have_earned=0,
            source=source,
            detail=f"Budget {given.budget_id} cannot pay voucher {given.voucher_id}.",
        )
        event_id = derived_id(referral.event_source, referral.event_id, "declined/voucher")
        telemetry.REFUSED.labels("earning", ReasonCode.BUDGET_EXHAUSTED.value).inc()
    key = member_key(referral.program_id, referral.invitee_id)
    desk.emit(outgoing_event(GRANTS, key, event_id, SOURCE, referral.invitee_id, at, told))


def recall_voucher(referral: ReferralEntry, receipt: ReceiptEntry, refund: RefundReference, desk: EarningDesk) -> None:
    """All of the first order came back: what was not used of the voucher goes back with it."""
    given = referral.voucher
    if given is None or given.recall_id is not None:
        return
    given.recall_id = derived_id(referral.event_source, referral.event_id, f"voucher-recalled/{given.voucher_id}")
    told = VoucherRecalled(
        program_id=referral.program_id,
        member_id=referral.invitee_id,
        causation_id=f"{refund.source}#{refund.event_id}",
        correlation_id=f"{receipt.event_source}#{receipt.event_id}",
        rule_version=receipt.rule_version,
        request_id=str(given.request_id),
        refund_id=refund.refund_id,
        reason="all of the first order came back",
    )
    key = member_key(referral.program_id, referral.invitee_id)
    desk.emit(outgoing_event(GRANTS, key, given.recall_id, SOURCE, referral.invitee_id, refund.time, told))
