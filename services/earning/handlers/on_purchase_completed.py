"""`purchase.completed`: a receipt earns under the rule version of its own time, once."""

from typing import cast

from services.earning.decide.decline import decide, tell_declined
from services.earning.decide.issue import Issue, issue_award
from services.earning.decide.referral import note_order
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.decide.take_back import settle_claims
from services.earning.desk import EarningDesk, LineEntry, ReceiptEntry, key_of_receipt, reference
from services.earning.domain.earn import earn
from services.earning.domain.eligibility import refusal_of
from services.earning.domain.facts import LISTED, UNLISTED
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import NOTHING_RETURNED
from shared.events.keys import member_key, receipt_key
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_purchase_completed(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Grant, decline with a code, wait for the registration, or forward under the right key."""
    purchase = cast(PurchaseCompleted, delivered.required_event.data)
    program_id, member_id = purchase.program_id, purchase.member_id
    require_program(desk, program_id)
    key = receipt_key(program_id, purchase.receipt_id) if member_id is None else member_key(program_id, member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    if member_id is not None and (fate := wait_for_turn(delivered, desk, program_id, member_id)) is not None:
        return fate
    known = desk.receipt(program_id, purchase.merchant_id, purchase.receipt_id)
    if known is not None and known.purchase is not None:
        _decline_repeat(delivered, desk, known)
        return Fate.APPLIED
    receipt = _enter(delivered, purchase, known, desk)
    _judge(delivered, purchase, receipt, desk)
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


def _enter(
    delivered: Delivered, purchase: PurchaseCompleted, awaited: ReceiptEntry | None, desk: EarningDesk
) -> ReceiptEntry:
    """Put the receipt and its lines into the books, filling the row a refund may have left."""
    event = delivered.required_event
    receipt = awaited or ReceiptEntry(
        key_of_receipt(purchase.program_id, purchase.merchant_id, purchase.receipt_id),
        purchase.program_id,
        purchase.merchant_id,
        purchase.receipt_id,
    )
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
    return receipt


def _judge(delivered: Delivered, purchase: PurchaseCompleted, receipt: ReceiptEntry, desk: EarningDesk) -> None:
    event = delivered.required_event
    version = desk.programs.in_force(purchase.program_id, event.time)
    member = None if purchase.member_id is None else desk.members.get((purchase.program_id, purchase.member_id))
    if version is None:
        _declined(delivered, receipt, desk, ReasonCode.PROGRAM_NOT_IN_FORCE)
        return
    program = desk.compiled[version.program_id, version.version]
    receipt.rule_version = version.version
    receipt.facts = LISTED if member is not None and member.listed_party else UNLISTED
    awards = earn(purchase, NOTHING_RETURNED, receipt.facts, program)
    code = refusal_of(
        purchase,
        event_time=event.time,
        arrival=delivered.arrival,
        registered=member is not None,
        facts=receipt.facts,
        pack=version.pack,
    )
    if code is None and not awards:
        code = ReasonCode.NO_QUALIFYING_TRANSACTION
    if code is not None or purchase.member_id is None:
        would = sum(award.points for award in awards or earn(purchase, NOTHING_RETURNED, UNLISTED, program))
        _declined(delivered, receipt, desk, code or ReasonCode.ISSUE_TO_UNSPECIFIED, would, program)
        return
    issue = Issue(delivered, purchase, purchase.member_id, receipt, program)
    refused = [award for award in awards if not issue_award(issue, desk, award)]
    for award in refused:
        tell_declined(
            delivered,
            desk,
            ReasonCode.BUDGET_EXHAUSTED,
            would_have_earned=award.points,
            rule_version=program.version,
            purpose=f"declined/{award.points_class}/{award.budget_id}",
        )
    receipt.outcome = "granted" if receipt.grants else "declined"
    receipt.code = ReasonCode.BUDGET_EXHAUSTED.value if refused else None
    decide(
        delivered,
        desk,
        receipt.outcome,
        code=ReasonCode.BUDGET_EXHAUSTED if refused else None,
        would_have_earned=sum(award.points for award in refused),
        receipt_key=receipt.receipt_key,
        correlation_id=reference(event),
    )


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
