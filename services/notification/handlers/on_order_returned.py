"""order.returned: rewards came back, and points and money went back for them (C17)."""

from services.notification.desk import NotificationDesk, tell
from services.notification.domain.details import Details
from services.notification.order_told import rewards_told
from shared.events.order_returned import OrderReturned
from shared.runtime.batch import Delivered, Fate


def on_order_returned(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """What of one order comes back together is one message."""
    returned = delivered.required_event.data
    assert isinstance(returned, OrderReturned)  # noqa: S101 - the runtime chooses the handler by this type
    details = Details(
        rewards=rewards_told(returned.lines),
        money_minor=returned.money.amount_minor if returned.money else 0,
        currency=returned.money.currency if returned.money else None,
        reason=returned.reason,
        defect=returned.defect,
    )
    return tell(delivered, desk, returned.points, reference=returned.order_id, details=details)
