"""Taking back: what came back of a receipt, and the claw-backs that follow from what remains of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.earning.decide.book_claw_back import book_claw_back, granted_of
from services.earning.decide.count import give_back
from services.earning.decide.referral import reverse_referral
from services.earning.decide.tender import tell_tenders
from services.earning.decide.tiers import note_progress, spent_on
from services.earning.desk import ClaimEntry, EarningDesk, ReceiptEntry, RefundReference
from services.earning.domain.claw_back import claw_back
from services.earning.domain.refund import Claim, Match, Matching, match_purchases, match_receipt
from services.earning.domain.returned import PaidTender, tenders_given_back
from shared.events.cloudevent import derived_id


def take_back(receipt: ReceiptEntry, matches: Sequence[Match], refund: RefundReference, desk: EarningDesk) -> int:
    """Note what came back of one receipt and claw back accordingly; returns the points taken.

    The first order's referral goes back with it once all of it came back.
    """
    counted = receipt.counted_minor if receipt.counted_minor is not None else spent_on(receipt, desk)
    lines = {line.line_id: line for line in receipt.lines}
    for match in matches:
        line = lines[match.line_id]
        line.refunded_quantity += match.quantity
        line.refunded_net_minor += match.net_minor
        line.changed = True
    returned_before = receipt.returned_points_minor
    _return_tenders(receipt, refund)
    tell_tenders(receipt, returned_before, refund, desk)
    receipt.changed = True
    _unspend(receipt, counted, desk)
    if receipt.purchase is None or receipt.rule_version is None or not receipt.grants:
        return 0
    program = desk.compiled[receipt.program_id, receipt.rule_version]
    grants = [granted_of(grant) for grant in receipt.grants]
    takings = claw_back(receipt.purchase, receipt.returned(), receipt.facts, program, grants)
    by_id = {grant.grant_id: grant for grant in receipt.grants}
    member = (receipt.program_id, receipt.member_id or "")
    policy = program.pack.claw_back_policy
    for taking in takings:
        book_claw_back(member, by_id[UUID(str(taking.grant_id))], taking, refund, policy, desk)
    if receipt.cap_uses:
        give_back(receipt, program, desk)
    return sum(taking.points for taking in takings) + reverse_referral(receipt, refund, desk)


def _unspend(receipt: ReceiptEntry, counted: int, desk: EarningDesk) -> None:
    """The money that counted for the member's tier and came back counts no longer; none counts that did not before.

    A tender that came back without the goods it paid for makes the basis rise: a refund earns nothing by that.
    """
    spent = spent_on(receipt, desk)
    left = min(counted, spent)
    receipt.counted_minor = left if left < spent else None
    if left < counted and receipt.event_time is not None:
        program = desk.compiled[receipt.program_id, receipt.rule_version or 0]
        note_progress(desk, program, receipt.member_id or "", receipt.event_time, money_minor=left - counted)


def settle_claims(receipt: ReceiptEntry, desk: EarningDesk) -> None:
    """A purchase arrived: the refunds that came before it take back what is theirs, oldest refund first."""
    if not desk.claims:
        return
    waiting = [claim for claim in desk.claims_on(receipt) if _concerns(claim, receipt)]
    if not waiting:
        return
    waiting.sort(key=lambda claim: (claim.refund.time, str(claim.refund.event_key), claim.claim.index))
    by_refund: dict[UUID, list[ClaimEntry]] = defaultdict(list)
    for claim in waiting:
        by_refund[claim.refund.event_key].append(claim)
    for claims in by_refund.values():
        _settle(receipt, claims, desk)


def open_claims(
    refund: RefundReference,
    unmatched: Iterable[Claim],
    program_id: str,
    member_id: str | None,
    receipt_key: UUID | None,
    desk: EarningDesk,
) -> None:
    """Keep what matched nothing: listed, changing no balance, settled when its purchase arrives."""
    for claim in unmatched:
        desk.put_claim(
            ClaimEntry(
                derived_id(refund.source, refund.event_id, f"claim/{receipt_key or ''}/{claim.index}/{claim.quantity}"),
                refund,
                program_id,
                member_id,
                receipt_key,
                claim,
                new=True,
            )
        )


def _concerns(claim: ClaimEntry, receipt: ReceiptEntry) -> bool:
    """A claim on this very receipt, or one without receipt on a SKU bought here before the refund."""
    if claim.receipt_key is not None:
        return True
    bought_before = receipt.event_time is not None and receipt.event_time < claim.refund.time
    return bought_before and any(line.sku == claim.claim.sku for line in receipt.lines)


def _settle(receipt: ReceiptEntry, claims: Sequence[ClaimEntry], desk: EarningDesk) -> None:
    refund, named = claims[0].refund, claims[0].receipt_key is not None
    asked = [claim.claim for claim in claims]
    bought = list(receipt.bought_lines())
    mismatch = claims[0].member_id is not None and claims[0].member_id != receipt.member_id
    if receipt.member_id is None or (named and mismatch):
        matching = Matching((), ())  # closes with nothing taken
    elif named:
        matching = match_receipt(asked, bought)
    else:
        matching = match_purchases(asked, bought, refund.time)
    if not named and not matching.matches:
        return
    # A claim that got nothing here stays as it is: it would only be opened again under its own id.
    touched = {match.index for match in matching.matches}
    for claim in claims:
        if named or claim.claim.index in touched:
            claim.settled_by, claim.changed = receipt.event_key, True
    if matching.matches:
        take_back(receipt, matching.matches, refund, desk)
    if not named:
        rest = [unmatched.claim for unmatched in matching.unmatched if unmatched.claim.index in touched]
        open_claims(refund, rest, claims[0].program_id, claims[0].member_id, None, desk)


def _return_tenders(receipt: ReceiptEntry, refund: RefundReference) -> None:
    """Points and vouchers that paid the refunded part go back with it; what remains is judged without them."""
    purchase = receipt.purchase
    if purchase is None:
        return
    goods = sum(line.net_minor for line in receipt.lines)
    back = sum(line.refunded_net_minor for line in receipt.lines)
    stated = {"points": refund.points_minor, "voucher": refund.voucher_minor}
    already = {"points": receipt.returned_points_minor, "voucher": receipt.returned_voucher_minor}
    tenders = [
        PaidTender(
            sum(tender.amount_minor for tender in purchase.tenders if tender.kind == kind), already[kind], stated[kind]
        )
        for kind in ("points", "voucher")
    ]
    points, voucher = tenders_given_back(tenders, back, goods)
    receipt.returned_points_minor += points
    receipt.returned_voucher_minor += voucher
