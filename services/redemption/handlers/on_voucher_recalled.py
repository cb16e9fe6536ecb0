"""voucher.recalled: what a voucher was given for stands no longer; the sweeper ends it, unless it was used."""

from services.redemption.desk import RecalledVoucher, RedemptionDesk
from shared.events.cloudevent import Rejected, uuid_from
from shared.events.reason_codes import ReasonCode
from shared.events.voucher_recalled import VoucherRecalled
from shared.runtime.batch import Delivered, Fate


def on_voucher_recalled(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Earning tells it after its request, under the same key: one without request is a dead letter."""
    event = delivered.required_event
    recalled = event.data
    assert isinstance(recalled, VoucherRecalled)  # noqa: S101 - the runtime chooses the handler by this type
    request_id = uuid_from(recalled.request_id)
    just_now = any(asked.data.request_id == recalled.request_id for asked in desk.voucher_requests)
    if request_id not in desk.voucher_recalled and not just_now:
        raise Rejected(
            ReasonCode.MALFORMED,
            f"No voucher was requested under {recalled.request_id}; replay its voucher.requested, then this.",
            (),
        )
    if desk.voucher_recalled.get(request_id, False):
        return Fate.DUPLICATE
    desk.voucher_recalled[request_id] = True
    desk.voucher_recalls.append(RecalledVoucher(request_id, event.id, event.time))
    return Fate.APPLIED
