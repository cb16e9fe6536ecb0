"""points.scheduled: an order was delivered, so the lot that waited for it gets its date."""

from uuid import UUID

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.maturity import schedule
from shared.events.cloudevent import Rejected
from shared.events.points_scheduled import PointsScheduled
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_points_scheduled(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Date the lot; one that has a date keeps it. It matures by an event of its own, as any pending lot does."""
    data = delivered.required_event.data
    assert isinstance(data, PointsScheduled)  # noqa: S101 - the runtime chooses the handler by this type
    member, lot_id = (data.program_id, data.member_id), UUID(data.grant_id)
    wallet = desk.wallet(member)
    lot = wallet.lots.get(lot_id)
    if lot is None:
        raise Rejected(
            ReasonCode.MALFORMED,
            f"Grant {data.grant_id} is not in this member's wallet; "
            "replay the record once its points.granted has arrived.",
        )
    if lot.available_at is not None:
        return Fate.DUPLICATE
    desk.keep(member, schedule(wallet, lot, data.available_at, overdue=lot_id in desk.overdue))
    return Fate.APPLIED
