"""`purchase.refunded`: what came back is taken off its receipt; what matches nothing stays an open claim."""

from collections import defaultdict
from typing import cast

from services.earning.decide.decline import decide, tell_declined
from services.earning.decide.route import (
    end_wait,
    forward_if_misplaced,
    queue_behind,
    require_program,
    wait_for_turn,
)
from services.earning.decide.take_back import open_claims, take_back
from services.earning.desk import EarningDesk, ReceiptEntry, RefundReference, key_of_receipt
from services.earning.domain.refund import Matching, claims_of, match_purchases, match_receipt
from shared.events.keys import member_key
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_purchase_refunded(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Claw back, keep open claims, decline, or forward to the partition of the receipt's member."""
    refund = cast(PurchaseRefunded, delivered.required_event.data)
    require_program(desk, refund.program_id)
    receipt = (
        None if refund.receipt_id is None else desk.receipt(refund.program_id, refund.merchant_id, refund.receipt_id)
    )
    if receipt is not None and receipt.purchase is not None:
        if (fate := end_wait(delivered, desk)) is not None:
            return fate
        return _of_known_receipt(delivered, refund, receipt, desk)
    if refund.member_id is not None:
        key = member_key(refund.program_id, refund.member_id)
        if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
            return fate
        if (fate := wait_for_turn(delivered, desk, refund.program_id, refund.member_id)) is not None:
            return fate
    if refund.receipt_id is not None:
        return _before_its_purchase(delivered, refund, refund.receipt_id, receipt, desk)
    return _without_receipt(delivered, refund, desk)


def _of_known_receipt(delivered: Delivered, refund: PurchaseRefunded, receipt: ReceiptEntry, desk: EarningDesk) -> Fate:
    correlation = f"{receipt.event_source}#{receipt.event_id}"
    if receipt.member_id is None:
        decide(delivered, desk, "nothing_to_take", receipt_key=receipt.receipt_key, correlation_id=correlation)
        return Fate.APPLIED
    if refund.member_id not in (None, receipt.member_id):
        code = ReasonCode.REFUND_MEMBER_MISMATCH
        tell_declined(delivered, desk, code, correlation_id=correlation)
        decide(delivered, desk, "declined", code=code, receipt_key=receipt.receipt_key, correlation_id=correlation)
        return Fate.APPLIED
    key = member_key(receipt.program_id, receipt.member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    if (fate := queue_behind(delivered, desk, receipt.program_id, receipt.member_id)) is not None:
        return fate
    matching = match_receipt(claims_of(refund), list(receipt.bought_lines()))
    taken = take_back(receipt, matching.matches, reference_of(delivered, refund), desk) if matching.matches else 0
    over = ReasonCode.OVER_REFUND if matching.unmatched else None
    if over is not None:
        tell_declined(delivered, desk, over, correlation_id=correlation)
    outcome = "clawed_back" if taken else "nothing_to_take" if matching.matches else "declined"
    decide(delivered, desk, outcome, code=over, receipt_key=receipt.receipt_key, correlation_id=correlation)
    return Fate.APPLIED


def _before_its_purchase(
    delivered: Delivered,
    refund: PurchaseRefunded,
    receipt_id: str,
    awaited: ReceiptEntry | None,
    desk: EarningDesk,
) -> Fate:
    """The receipt is not known yet: leave its row, so that the purchase sees the claim whoever handles it."""
    receipt = awaited or ReceiptEntry(
        key_of_receipt(refund.program_id, refund.merchant_id, receipt_id),
        refund.program_id,
        refund.merchant_id,
        receipt_id,
    )
    receipt.changed = True
    desk.put_receipt(receipt)
    _claim(delivered, refund, desk, Matching((), ()), receipt)
    return Fate.APPLIED


def _without_receipt(delivered: Delivered, refund: PurchaseRefunded, desk: EarningDesk) -> Fate:
    if refund.member_id is None:  # names neither receipt nor member: nothing could ever match it
        tell_declined(delivered, desk, ReasonCode.ISSUE_TO_UNSPECIFIED)
        decide(delivered, desk, "declined", code=ReasonCode.ISSUE_TO_UNSPECIFIED)
        return Fate.APPLIED
    claims = claims_of(refund)
    receipts = desk.receipts_with((refund.program_id, refund.member_id), (claim.sku for claim in claims))
    by_key = {line.receipt: receipt for receipt in receipts for line in receipt.bought_lines()}
    bought = [line for receipt in receipts for line in receipt.bought_lines()]
    matching = match_purchases(claims, bought, delivered.required_event.time)
    of_receipt = defaultdict(list)
    for match in matching.matches:
        of_receipt[match.receipt].append(match)
    reference = reference_of(delivered, refund)
    taken = sum(take_back(by_key[key], matches, reference, desk) for key, matches in of_receipt.items())
    if matching.unmatched:
        _claim(delivered, refund, desk, matching, None)
    else:
        decide(delivered, desk, "clawed_back" if taken else "nothing_to_take")
    return Fate.APPLIED


def _claim(
    delivered: Delivered,
    refund: PurchaseRefunded,
    desk: EarningDesk,
    matching: Matching,
    receipt: ReceiptEntry | None,
) -> None:
    """What matched nothing is told, listed and kept; it changes no balance."""
    unmatched = claims_of(refund) if receipt is not None else [rest.claim for rest in matching.unmatched]
    key = None if receipt is None else receipt.receipt_key
    open_claims(reference_of(delivered, refund), unmatched, refund.program_id, refund.member_id, key, desk)
    tell_declined(delivered, desk, ReasonCode.REFUND_WITHOUT_PURCHASE)
    outcome = "partly_open_claim" if matching.matches else "open_claim"
    decide(delivered, desk, outcome, code=ReasonCode.REFUND_WITHOUT_PURCHASE, receipt_key=key)


def reference_of(delivered: Delivered, refund: PurchaseRefunded) -> RefundReference:
    """The refund as claims and claw-backs name it; a refund without receipt says nothing of single tenders."""
    event = delivered.required_event
    named = bool(refund.tenders) and refund.receipt_id is not None

    def stated(kind: str) -> int | None:
        return sum(t.amount_minor for t in refund.tenders if t.kind == kind) if named else None

    return RefundReference(
        event.event_key, event.source, event.id, refund.refund_id, event.time, stated("points"), stated("voucher")
    )
