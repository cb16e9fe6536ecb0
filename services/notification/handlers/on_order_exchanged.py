"""order.exchanged: rewards were swapped for others of the same kind, at the old price."""

from services.notification.desk import NotificationDesk, tell
from services.notification.domain.details import Details
from services.notification.order_told import rewards_told
from shared.events.order_exchanged import OrderExchanged
from shared.runtime.batch import Delivered, Fate


def on_order_exchanged(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Names the order that took the place; no points move."""
    exchanged = delivered.required_event.data
    assert isinstance(exchanged, OrderExchanged)  # noqa: S101 - the runtime chooses the handler by this type
    details = Details(
        rewards=rewards_told(exchanged.lines),
        new_order=exchanged.new_order_id,
        reason=exchanged.reason,
        defect=exchanged.defect,
    )
    return tell(delivered, desk, 0, reference=exchanged.order_id, details=details)
