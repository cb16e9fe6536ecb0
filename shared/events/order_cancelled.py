"""`order.cancelled`: an order ended before it was fulfilled."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Money
from shared.events.fields import FalseByDefault, FreeText, Identifier, Points, UuidText
from shared.events.order_placed import OrderLine


class OrderCancelled(CausedEvent):
    """Points and money went back and the stock with them.

    `points_kept` is what a booking cost that was cancelled too late, or to which nobody came (`no_show`).
    """

    TYPE: ClassVar[str] = "greenpoints.order.cancelled.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    order_id: UuidText
    restoration_id: UuidText | None = None
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=200)
    points: Points
    money: Money | None = None
    reason: FreeText
    points_kept: Points = 0
    no_show: FalseByDefault = False
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
