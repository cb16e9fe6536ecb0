"""Points that paid a refunded bill go back: told to redemption by authorization, cumulative (design: "Refunds")."""

from collections.abc import Iterator

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.desk import EarningDesk, ReceiptEntry, RefundReference, TenderRefundRow
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.events.points_tender_refunded import PointsTenderRefunded
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.batch import outgoing_event


def tell_tenders(receipt: ReceiptEntry, before_minor: int, refund: RefundReference, desk: EarningDesk) -> None:
    """Tell each authorization of which more is given back than `before_minor`, when the refund at hand began."""
    purchase = receipt.purchase
    if purchase is None or receipt.member_id is None or receipt.returned_points_minor == before_minor:
        return
    before = dict(_given_back(purchase, before_minor))
    for authorization_id, cumulative in _given_back(purchase, receipt.returned_points_minor):
        if cumulative > before[authorization_id]:
            _tell(receipt, purchase, receipt.member_id, authorization_id, cumulative, refund, desk)


def _given_back(purchase: PurchaseCompleted, returned_minor: int) -> Iterator[tuple[str, int]]:
    """What of each authorization is given back, the receipt's first one first; points without one come last."""
    paid: dict[str, int] = {}
    for tender in purchase.tenders:
        if tender.kind == "points" and tender.authorization_id is not None:
            paid[tender.authorization_id] = paid.get(tender.authorization_id, 0) + tender.amount_minor
    for authorization_id, amount in paid.items():
        given = min(amount, returned_minor)
        returned_minor -= given
        yield authorization_id, given


def _tell(
    receipt: ReceiptEntry,
    purchase: PurchaseCompleted,
    member_id: str,
    authorization_id: str,
    cumulative: int,
    refund: RefundReference,
    desk: EarningDesk,
) -> None:
    event_id = derived_id(refund.source, refund.event_id, f"tender/{authorization_id}/{cumulative}")
    desk.tender_refunds.append(
        TenderRefundRow(
            event_id,
            refund.event_key,
            receipt.receipt_key,
            receipt.program_id,
            member_id,
            authorization_id,
            refund.refund_id,
            cumulative,
        )
    )
    told = PointsTenderRefunded(
        program_id=receipt.program_id,
        member_id=member_id,
        causation_id=f"{refund.source}#{refund.event_id}",
        correlation_id=f"{receipt.event_source}#{receipt.event_id}",
        authorization_id=authorization_id,
        refund_id=refund.refund_id,
        amount_minor=cumulative,
        currency=purchase.currency,
    )
    key = member_key(receipt.program_id, member_id)
    desk.emit(outgoing_event(GRANTS, key, event_id, SOURCE, member_id, refund.time, told))
