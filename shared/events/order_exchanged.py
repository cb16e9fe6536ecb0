"""`order.exchanged`: a reward was swapped for another of the same kind; stock moves, no points do."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, UuidText
from shared.events.order_placed import OrderLine


class OrderExchanged(CausedEvent):
    """A return and a new order of the same reward in one step at the old price."""

    TYPE: ClassVar[str] = "greenpoints.order.exchanged.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    order_id: UuidText
    new_order_id: UuidText
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=200)
    reason: FreeText
