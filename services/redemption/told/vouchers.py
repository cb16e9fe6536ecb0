"""What redemption tells of vouchers: issued, used, restored, ended. Ids and times follow from the cause."""

from datetime import datetime
from typing import Literal

from services.redemption.desk import Cause, RedemptionDesk
from services.redemption.outcomes import SOURCE, emit
from services.redemption.store.vouchers import Voucher, VoucherUse
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import CausedEvent
from shared.events.voucher_ended import VoucherEnded
from shared.events.voucher_issued import VoucherIssued
from shared.events.voucher_restored import VoucherRestored
from shared.events.voucher_used import VoucherUsed

EndReason = Literal["expired", "returned", "recalled", "member_closed"]
_WHOLE_PERCENT = 100


def tell_issued(desk: RedemptionDesk, voucher: Voucher, because: str, budget_id: str | None = None) -> None:
    """`because` is the event that led to it."""
    terms, percent = voucher.terms, voucher.terms.percent_hundredths
    whole = percent is not None and percent % _WHOLE_PERCENT == 0
    data = VoucherIssued(
        program_id=voucher.program_id,
        member_id=voucher.member_id,
        causation_id=because,
        correlation_id=voucher.correlation_id,
        rule_version=terms.rule_version,
        voucher_id=str(voucher.voucher_id),
        code_sha256=voucher.code_sha256.hex(),
        kind=terms.kind,
        order_id=None if voucher.order_id is None else str(voucher.order_id),
        request_id=None if voucher.request_id is None else str(voucher.request_id),
        amount_minor=terms.amount_minor,
        percent=percent // _WHOLE_PERCENT if percent is not None and whole else None,
        max_amount_minor=terms.max_minor,
        threshold_minor=terms.threshold_minor,
        currency=terms.currency,
        merchant_ids=terms.merchants or (),
        valid_until=voucher.valid_until,
        offer_id=terms.offer_id,
        line_id=voucher.line_id,
        percent_hundredths=percent,
        skus=terms.lines.skus or (),
        categories=terms.lines.categories or (),
        labels=terms.lines.labels or (),
        budget_id=budget_id,
    )
    _tell(desk, data, str(voucher.voucher_id), "voucher.issued", voucher.issued_at)


def tell_used(desk: RedemptionDesk, voucher: Voucher, use: VoucherUse, idempotency_key: str) -> None:
    data = VoucherUsed(
        program_id=use.program_id,
        member_id=use.member_id,
        causation_id=idempotency_key,
        correlation_id=voucher.correlation_id,
        rule_version=voucher.terms.rule_version,
        voucher_id=str(use.voucher_id),
        merchant_id=use.merchant_id,
        receipt_id=use.receipt_id,
        amount_minor=use.amount_minor,
        currency=use.currency,
        use_id=str(use.use_id),
        counted_minor=use.counted_minor,
        idempotency_key=idempotency_key,
        body_hash=use.body_hash.hex(),
    )
    _tell(desk, data, str(use.use_id), "voucher.used", use.used_at)


def tell_restored(desk: RedemptionDesk, voucher: Voucher, use: VoucherUse, at: datetime, reason: str) -> None:
    data = VoucherRestored(
        program_id=use.program_id,
        member_id=use.member_id,
        causation_id=str(use.use_id),
        correlation_id=voucher.correlation_id,
        voucher_id=str(use.voucher_id),
        use_id=str(use.use_id),
        merchant_id=use.merchant_id,
        reason=reason,
    )
    _tell(desk, data, str(use.use_id), "voucher.restored", at)


def tell_ended(desk: RedemptionDesk, voucher: Voucher, reason: EndReason, because: str, at: datetime) -> None:
    data = VoucherEnded(
        program_id=voucher.program_id,
        member_id=voucher.member_id,
        causation_id=because,
        correlation_id=voucher.correlation_id,
        rule_version=voucher.terms.rule_version,
        voucher_id=str(voucher.voucher_id),
        reason=reason,
    )
    _tell(desk, data, f"{voucher.voucher_id}/{reason}", "voucher.ended", at)


def _tell(desk: RedemptionDesk, data: CausedEvent, cause_id: str, purpose: str, at: datetime) -> None:
    event_id = derived_id(SOURCE, cause_id, purpose)
    emit(desk, event_id, Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), at), data)
