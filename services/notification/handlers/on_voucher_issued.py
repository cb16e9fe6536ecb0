"""voucher.issued: a member has a voucher. Its code is in their account alone, never in a message."""

from services.notification.desk import NotificationDesk, tell
from services.notification.domain.details import Details, VoucherTold
from shared.events.voucher_issued import VoucherIssued
from shared.runtime.batch import Delivered, Fate


def on_voucher_issued(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """The vouchers of one order together; a given voucher alone."""
    issued = delivered.required_event.data
    assert isinstance(issued, VoucherIssued)  # noqa: S101 - the runtime chooses the handler by this type
    voucher = VoucherTold(
        offer_id=issued.offer_id or issued.kind,
        ends_at=issued.valid_until,
        off_minor=issued.amount_minor,
        off_hundredths=issued.percent_hundredths,
        at_most_minor=issued.max_amount_minor,
        from_minor=issued.threshold_minor or None,
    )
    details = Details(voucher=voucher, currency=issued.currency)
    return tell(delivered, desk, 0, reference=issued.voucher_id, details=details)
