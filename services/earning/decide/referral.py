"""A referral on the invitee's side: linked, then qualified by the first order, or reversed with it (C10).

Everything here happens in the invitee's partition. The inviter hears of it by `referral.qualified` and
`referral.reversed`, keyed by the inviter. What is decided depends on the link and the first order alone, not on which
of them came last; the grant, its id and the events about it name the same causes either way.
"""

from uuid import UUID

from services.earning.decide.book_claw_back import book_claw_back, granted_of
from services.earning.decide.decline import SOURCE, tell_declined
from services.earning.decide.reward import Deed, issue_reward
from services.earning.decide.route import EFFECTS
from services.earning.decide.voucher import give_voucher, recall_voucher, voucher_for_invitees
from services.earning.deeds import ReferralEntry
from services.earning.desk import EarningDesk, MemberEntry, ReceiptEntry, RefundReference
from services.earning.domain.claw_back import claw_back_to
from services.earning.domain.earn_referral import earn_referral, is_fully_refunded
from services.earning.domain.licence import refusal_by_licence
from services.earning.domain.program import CompiledProgram
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.events.points_granted import GrantSource
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from shared.events.referral_accepted import ReferralAccepted
from shared.events.referral_qualified import ReferralQualified
from shared.events.referral_reversed import ReferralReversed
from shared.runtime.batch import Delivered, outgoing_event


def note_order(delivered: Delivered, receipt: ReceiptEntry, desk: EarningDesk) -> None:
    """An order earned: if it is the member's first, it stays the first for ever, and qualifies a referral."""
    key = (receipt.program_id, receipt.member_id or "")
    member = desk.members[key]
    if member.first_order is not None:
        return
    member.first_order = receipt.receipt_key
    desk.changed_members.add(key)
    referral = member.referral
    if referral is None:
        return
    code = qualify(referral, member, receipt, desk)
    if code is not None:
        correlation = _order_reference(receipt)
        source = referral_source(referral)
        purpose = "declined/referral"
        tell_declined(delivered, desk, code, source=source, purpose=purpose, correlation_id=correlation)


def qualify(
    referral: ReferralEntry, member: MemberEntry, receipt: ReceiptEntry, desk: EarningDesk
) -> ReasonCode | None:
    """The link and the first order are both known: reward the invitee, tell the inviter's partition.

    Judged by the version that judged the order. Returns why the invitee gets nothing; None if it got its reward, or
    if the program rewards the inviter alone.
    """
    referral.receipt_key, referral.changed = receipt.receipt_key, True
    program = desk.compiled[receipt.program_id, receipt.rule_version or 0]
    code = _refusal(member, receipt, program)
    if code is not None:
        referral.state = "declined"
        return code
    referral.state = "qualified"
    if earn_referral("inviter", program) is not None:
        _tell_qualified(referral, receipt, desk)
    give_voucher(referral, receipt, program, desk)
    award = earn_referral("invitee", program)
    if award is None:
        return None
    referral.grant = issue_reward(_deed(referral, receipt, program), award, desk)
    return ReasonCode.BUDGET_EXHAUSTED if referral.grant is None else None


def reverse_referral(receipt: ReceiptEntry, refund: RefundReference, desk: EarningDesk) -> int:
    """Something of the receipt came back: if that was all of the order that qualified, its rewards go back too.

    Returns the points taken from the invitee; the inviter's are taken in the inviter's partition.
    """
    key = (receipt.program_id, receipt.member_id or "")
    member = desk.members.get(key)
    referral = None if member is None else member.referral
    if referral is None or referral.state != "qualified" or referral.receipt_key != receipt.receipt_key:
        return 0
    if not is_fully_refunded(receipt.lines):
        return 0
    referral.state, referral.changed = "reversed", True
    if referral.qualified_id is not None:
        _tell_reversed(referral, receipt, refund, desk)
    recall_voucher(referral, receipt, refund, desk)
    if referral.grant is None:
        return 0
    policy = desk.compiled[receipt.program_id, referral.grant.rule_version].pack.claw_back_policy
    takings = claw_back_to([granted_of(referral.grant)], ())
    for taking in takings:
        book_claw_back(key, referral.grant, taking, refund, policy, desk)
    return sum(taking.points for taking in takings)


def referral_source(referral: ReferralEntry) -> GrantSource:
    """The referral as the invitee's grant names it."""
    return GrantSource(type=ReferralAccepted.TYPE, id=referral.event_id, other_member_id=referral.inviter_id)


def _refusal(member: MemberEntry, receipt: ReceiptEntry, program: CompiledProgram) -> ReasonCode | None:
    if member.listed_party:
        return ReasonCode.LISTED_PARTY
    if not member.phone_verified:
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    rewards = program.referral or voucher_for_invitees(program)
    if is_fully_refunded(receipt.lines) or not rewards:
        return ReasonCode.NO_QUALIFYING_TRANSACTION
    return None if receipt.event_time is None else refusal_by_licence(program.pack, receipt.event_time)


def _deed(referral: ReferralEntry, receipt: ReceiptEntry, program: CompiledProgram) -> Deed:
    if receipt.event_time is None:
        raise ValueError(f"Receipt {receipt.receipt_id} qualifies a referral and has no purchase.")
    return Deed(
        program=program,
        member_id=referral.invitee_id,
        event_key=referral.event_key,
        event_source=referral.event_source,
        source=referral_source(referral),
        time=receipt.event_time,
        correlation_id=_order_reference(receipt),
    )


def _order_reference(receipt: ReceiptEntry) -> str:
    return f"{receipt.event_source}#{receipt.event_id}"


def _order_source(referral: ReferralEntry, receipt: ReceiptEntry) -> GrantSource:
    return GrantSource(
        type=PurchaseCompleted.TYPE,
        id=receipt.event_id or "",
        receipt_id=receipt.receipt_id,
        merchant_id=receipt.merchant_id,
        other_member_id=referral.invitee_id,
    )


def _tell_qualified(referral: ReferralEntry, receipt: ReceiptEntry, desk: EarningDesk) -> None:
    if receipt.event_time is None:
        raise ValueError(f"Receipt {receipt.receipt_id} qualifies a referral and has no purchase.")
    referral.qualified_id = _told_id(referral, "qualified")
    told = ReferralQualified(
        program_id=referral.program_id,
        member_id=referral.inviter_id,
        causation_id=f"{referral.event_source}#{referral.event_id}",
        correlation_id=_order_reference(receipt),
        rule_version=receipt.rule_version,
        invitee_id=referral.invitee_id,
        source=_order_source(referral, receipt),
        qualified_at=receipt.event_time,
    )
    key = member_key(referral.program_id, referral.inviter_id)
    desk.emit(
        outgoing_event(EFFECTS, key, referral.qualified_id, SOURCE, referral.inviter_id, receipt.event_time, told)
    )


def _tell_reversed(referral: ReferralEntry, receipt: ReceiptEntry, refund: RefundReference, desk: EarningDesk) -> None:
    referral.reversed_id = _told_id(referral, "reversed")
    told = ReferralReversed(
        program_id=referral.program_id,
        member_id=referral.inviter_id,
        causation_id=f"{refund.source}#{refund.event_id}",
        correlation_id=_order_reference(receipt),
        rule_version=receipt.rule_version,
        invitee_id=referral.invitee_id,
        source=_order_source(referral, receipt),
        refund_id=refund.refund_id,
        reversed_at=refund.time,
    )
    key = member_key(referral.program_id, referral.inviter_id)
    desk.emit(outgoing_event(EFFECTS, key, referral.reversed_id, SOURCE, referral.inviter_id, refund.time, told))


def _told_id(referral: ReferralEntry, purpose: str) -> UUID:
    return derived_id(referral.event_source, referral.event_id, f"referral/{purpose}")
