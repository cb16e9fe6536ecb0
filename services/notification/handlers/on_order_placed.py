"""order.placed: points, money and stock were taken; the member gets a confirmation."""

from services.notification.desk import NotificationDesk, tell
from services.notification.domain.details import Details
from services.notification.order_told import rewards_told
from shared.events.order_placed import OrderPlaced
from shared.runtime.batch import Delivered, Fate


def on_order_placed(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """One message per order, with what it cost."""
    placed = delivered.required_event.data
    assert isinstance(placed, OrderPlaced)  # noqa: S101 - the runtime chooses the handler by this type
    details = Details(
        rewards=rewards_told(placed.lines),
        money_minor=placed.money.amount_minor if placed.money else 0,
        currency=placed.money.currency if placed.money else None,
    )
    return tell(delivered, desk, placed.points, reference=placed.order_id, details=details)
