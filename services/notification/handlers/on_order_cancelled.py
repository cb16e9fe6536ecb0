"""order.cancelled: an order ended before it was fulfilled; points and money went back."""

from services.notification.desk import NotificationDesk, tell
from services.notification.domain.details import Details
from services.notification.order_told import rewards_told
from shared.events.order_cancelled import OrderCancelled
from shared.runtime.batch import Delivered, Fate


def on_order_cancelled(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Also what a late cancellation, or not coming, cost."""
    cancelled = delivered.required_event.data
    assert isinstance(cancelled, OrderCancelled)  # noqa: S101 - the runtime chooses the handler by this type
    details = Details(
        rewards=rewards_told(cancelled.lines),
        money_minor=cancelled.money.amount_minor if cancelled.money else 0,
        currency=cancelled.money.currency if cancelled.money else None,
        reason=cancelled.reason,
        points_kept=cancelled.points_kept,
        no_show=cancelled.no_show,
    )
    return tell(delivered, desk, cancelled.points, reference=cancelled.order_id, details=details)
