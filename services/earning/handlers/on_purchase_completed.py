"""`purchase.completed`: a receipt earns under the rule version of its own time, once."""

from typing import NamedTuple, cast

from msgspec.structs import replace

from services.earning.decide.count import left_for, note_used
from services.earning.decide.decline import decide, tell_declined
from services.earning.decide.issue import issue_award, issue_of
from services.earning.decide.referral import note_order
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.decide.take_back import settle_claims
from services.earning.decide.tiers import note_progress, spent_on, tier_at
from services.earning.desk import EarningDesk, LineEntry, MemberEntry, ReceiptEntry, key_of_receipt
from services.earning.domain.asked import NOTHING_ASKED
from services.earning.domain.award import Award
from services.earning.domain.earn import earn
from services.earning.domain.eligibility import refusal_of
from services.earning.domain.facts import LISTED, NOTHING_USED, UNLISTED, EarnFacts
from services.earning.domain.gather_facts import gather_facts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.refused_green import refused_green
from services.earning.domain.returned import NOTHING_RETURNED
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.keys import member_key, receipt_key
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_purchase_completed(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Grant, decline with a code, wait for the registration, or forward under the right key."""
    event = delivered.required_event
    purchase = cast(PurchaseCompleted, event.data)
    program_id, member_id = purchase.program_id, purchase.member_id
    require_program(desk, program_id)
    key = receipt_key(program_id, purchase.receipt_id) if member_id is None else member_key(program_id, member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    if member_id is not None and (fate := wait_for_turn(delivered, desk, program_id, member_id)) is not None:
        return fate
    entry_key = key_of_receipt(program_id, purchase.merchant_id, purchase.receipt_id)
    known = desk.receipts.get(entry_key)
    if known is not None and known.purchase is not None:
        _decline_repeat(delivered, desk, known)
        return Fate.APPLIED
    judging = _judging(event, purchase, desk)
    receipt = known or ReceiptEntry(entry_key, program_id, purchase.merchant_id, purchase.receipt_id)
    _enter(event, purchase, receipt, desk)
    _judge(delivered, purchase, judging, receipt, desk)
    if judging is not None and judging.program.tiers is not None and (spent := spent_on(receipt, desk)):
        note_progress(desk, judging.program, member_id or "", event.time, money_minor=spent)
    settle_claims(receipt, desk)
    if receipt.grants:
        note_order(delivered, receipt, desk)
    return Fate.APPLIED


def _decline_repeat(delivered: Delivered, desk: EarningDesk, known: ReceiptEntry) -> None:
    """The receipt was handled under another event id: it earns once (C02)."""
    correlation = f"{known.event_source}#{known.event_id}"
    tell_declined(delivered, desk, ReasonCode.DUPLICATE_EARN, correlation_id=correlation)
    decide(
        delivered,
        desk,
        "declined",
        code=ReasonCode.DUPLICATE_EARN,
        receipt_key=known.receipt_key,
        correlation_id=correlation,
    )


def _enter(event: CloudEvent, purchase: PurchaseCompleted, receipt: ReceiptEntry, desk: EarningDesk) -> None:
    """Put the receipt and its lines into the books, filling the row a refund may have left."""
    receipt.member_id = purchase.member_id
    receipt.event_key, receipt.event_source, receipt.event_id = event.event_key, event.source, event.id
    receipt.event_time = event.time
    receipt.purchase, receipt.purchase_json = purchase, event.known.decode()
    receipt.lines = [
        LineEntry(line.line_id, position, line.sku, line.quantity, line.net_minor)
        for position, line in enumerate(purchase.lines)
    ]
    receipt.changed = receipt.lines_new = True
    desk.put_receipt(receipt)


class _Judging(NamedTuple):
    """What a purchase is judged by; `member` None: nobody who is registered."""

    program: CompiledProgram
    facts: EarnFacts
    member: MemberEntry | None


def _judging(event: CloudEvent, purchase: PurchaseCompleted, desk: EarningDesk) -> _Judging | None:
    """None where no version was in force. Raises Rejected CALENDAR_YEAR_UNPUBLISHED, the desk being untouched."""
    version = desk.programs.in_force(purchase.program_id, event.time)
    if version is None:
        return None
    program = desk.compiled[version.program_id, version.version]
    member = _member(purchase, desk)
    if program.asks is NOTHING_ASKED:
        return _Judging(program, LISTED if member is not None and member.listed_party else UNLISTED, member)
    try:
        facts = gather_facts(
            program,
            event.time,
            listed=member is not None and member.listed_party,
            first_order=member is not None and member.first_order is None,
            birth_month_day=None if member is None else member.birth_month_day,
            left=left_for(desk, program, purchase.member_id, event.time, program.asks),
            tier=tier_at(desk, program, purchase.member_id, event.time) if program.asks.tier else None,
            segments=frozenset() if member is None else member.segments,
        )
    except CalendarYearUnpublishedError as error:
        sentence = str(error)
        raise Rejected(error.code, f"{sentence[0].upper()}{sentence[1:]}.", ()) from None
    return _Judging(program, facts, member)


def _member(purchase: PurchaseCompleted, desk: EarningDesk) -> MemberEntry | None:
    return None if purchase.member_id is None else desk.members.get((purchase.program_id, purchase.member_id))


def _judge(
    delivered: Delivered,
    purchase: PurchaseCompleted,
    judging: _Judging | None,
    receipt: ReceiptEntry,
    desk: EarningDesk,
) -> None:
    event = delivered.required_event
    if judging is None:
        _declined(delivered, receipt, desk, ReasonCode.PROGRAM_NOT_IN_FORCE)
        return
    program, facts, member = judging
    receipt.rule_version, receipt.facts = program.version, facts
    awards = earn(purchase, NOTHING_RETURNED, facts, program)
    code = refusal_of(
        purchase,
        event_time=event.time,
        arrival=delivered.arrival,
        registered=member is not None and member.is_open_at(event.time),
        facts=facts,
        pack=program.pack,
    )
    if code is None and not awards:
        code = _why_nothing(purchase, facts, program)
    if code is not None or purchase.member_id is None:
        unlisted = replace(facts, listed=False, left=NOTHING_USED)
        would = sum(award.points for award in awards or earn(purchase, NOTHING_RETURNED, unlisted, program))
        _declined(delivered, receipt, desk, code or ReasonCode.ISSUE_TO_UNSPECIFIED, would, program)
        return
    issue = issue_of(delivered, purchase, purchase.member_id, receipt, program)
    refused = [award for award in awards if not issue_award(issue, desk, award)]
    if program.counters:
        granted = [award for award in awards if award not in refused]
        receipt.cap_uses = note_used(desk, program, purchase.member_id, event.time, granted)
    for award in refused:
        tell_declined(
            delivered,
            desk,
            ReasonCode.BUDGET_EXHAUSTED,
            would_have_earned=award.points,
            rule_version=program.version,
            purpose=f"declined/{award.points_class}/{award.budget_id}",
        )
    green = 0 if program.as_claimed is None else _refuse_green(delivered, purchase, judging, awards, desk)
    partly = ReasonCode.BUDGET_EXHAUSTED if refused else ReasonCode.GREEN_CERT_INVALID if green else None
    receipt.outcome = "granted" if receipt.grants else "declined"
    receipt.code = None if partly is None else partly.value
    decide(
        delivered,
        desk,
        receipt.outcome,
        code=partly,
        would_have_earned=sum(award.points for award in refused) + green if partly else 0,
        receipt_key=receipt.receipt_key,
    )


def _refuse_green(
    delivered: Delivered, purchase: PurchaseCompleted, judging: _Judging, awards: tuple[Award, ...], desk: EarningDesk
) -> int:
    """Tell what lines would have earned that claim a green certificate which is not good (C12)."""
    refused = refused_green(purchase, judging.facts, judging.program, awards)
    if refused.would:
        tell_declined(
            delivered,
            desk,
            ReasonCode.GREEN_CERT_INVALID,
            would_have_earned=refused.would,
            rule_version=judging.program.version,
            purpose="declined/green",
            detail=f"No green certificate that is good on the day covers line {', '.join(refused.line_ids)[:400]}.",
        )
    return refused.would


def _why_nothing(purchase: PurchaseCompleted, facts: EarnFacts, program: CompiledProgram) -> ReasonCode:
    """Whether it is the caps that leave nothing."""
    if facts.left and earn(purchase, NOTHING_RETURNED, replace(facts, left=NOTHING_USED), program):
        return ReasonCode.CAP_REACHED
    return ReasonCode.NO_QUALIFYING_TRANSACTION


def _declined(
    delivered: Delivered,
    receipt: ReceiptEntry,
    desk: EarningDesk,
    code: ReasonCode,
    would_have_earned: int = 0,
    program: CompiledProgram | None = None,
) -> None:
    receipt.outcome, receipt.code = "declined", code.value
    version = None if program is None else program.version
    tell_declined(delivered, desk, code, would_have_earned=would_have_earned, rule_version=version)
    decide(
        delivered,
        desk,
        "declined",
        code=code,
        would_have_earned=would_have_earned,
        receipt_key=receipt.receipt_key,
    )
