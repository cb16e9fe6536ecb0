"""`order.exchanged`: a reward was swapped for another of the same kind; stock moves, no points do."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import FalseByDefault, FreeText, Identifier, Sha256Hex, UuidText
from shared.events.order_fulfilled import FulfilledLine
from shared.events.order_placed import OrderLine


class OrderExchanged(CausedEvent):
    """A return and a new order of the same reward in one step at the old price.

    `lines` are the units of the old order that came back, `new_lines` those of the new one; `settlement` is what is
    no longer owed for the first, and owed for the second once they are handed over.
    """

    TYPE: ClassVar[str] = "greenpoints.order.exchanged.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    order_id: UuidText
    new_order_id: UuidText
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=200)
    reason: FreeText
    new_lines: tuple[OrderLine, ...] = ()
    recipient_ref: Identifier | None = None
    defect: FalseByDefault = False
    evidence_sha256: Sha256Hex | None = None
    settlement: tuple[FulfilledLine, ...] = ()
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
