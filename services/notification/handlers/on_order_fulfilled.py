"""order.fulfilled: rewards of an order were handed over or sent."""

from services.notification.desk import NotificationDesk, tell
from services.notification.domain.details import Details
from services.notification.order_told import rewards_told
from shared.events.order_fulfilled import OrderFulfilled
from shared.runtime.batch import Delivered, Fate


def on_order_fulfilled(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """What of one order is handed over together is one message."""
    fulfilled = delivered.required_event.data
    assert isinstance(fulfilled, OrderFulfilled)  # noqa: S101 - the runtime chooses the handler by this type
    details = Details(rewards=rewards_told(fulfilled.lines))
    return tell(delivered, desk, 0, reference=fulfilled.order_id, details=details)
