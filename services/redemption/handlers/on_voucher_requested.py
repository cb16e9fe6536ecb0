"""voucher.requested: earning gives a voucher, as for an invited member's first order; the sweeper issues it."""

from services.redemption.desk import RedemptionDesk, RequestedVoucher
from shared.events.cloudevent import Rejected
from shared.events.reason_codes import ReasonCode
from shared.events.voucher_requested import VoucherRequested
from shared.runtime.batch import Delivered, Fate


def on_voucher_requested(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Enter the request; one id, one voucher. The code needs a secret that batches do not have."""
    event = delivered.required_event
    asked = event.data
    assert isinstance(asked, VoucherRequested)  # noqa: S101 - the runtime chooses the handler by this type
    version = desk.programs.version(asked.program_id, asked.rule_version or 0)
    kinds = () if version is None else [voucher.voucher_id for voucher in version.pack.vouchers]
    if asked.kind not in kinds:
        raise Rejected(
            ReasonCode.MALFORMED,
            f"Version {asked.rule_version} of program {asked.program_id} gives no voucher {asked.kind}; "
            "publish a version that does, and request it with that version's number.",
            (),
        )
    desk.members.add((asked.program_id, asked.member_id))
    desk.voucher_requests.append(RequestedVoucher(event.id, event.time, asked))
    return Fate.APPLIED
