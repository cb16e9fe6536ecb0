"""`order.fulfilled`: the rewards of an order were handed over."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Part
from shared.events.fields import Currency, Identifier, MinorUnits, PositiveQuantity, UuidText


class FulfilledLine(Part):
    """What was handed over, and what is owed to the partner for it: contract price and fee of all units."""

    line_id: Identifier
    reward_id: Identifier
    quantity: PositiveQuantity
    partner_id: Identifier | None = None
    contract_price_minor: MinorUnits | None = None
    fee_minor: MinorUnits | None = None


class OrderFulfilled(CausedEvent):
    """Each unit owes the partner the contract price less the fee, in minor units of `currency` (C28)."""

    TYPE: ClassVar[str] = "greenpoints.order.fulfilled.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    order_id: UuidText
    lines: tuple[FulfilledLine, ...] = Field(min_length=1, max_length=200)
    currency: Currency | None = None
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
