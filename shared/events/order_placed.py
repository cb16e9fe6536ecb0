"""`order.placed`: points and stock were taken for rewards, all or nothing."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Money, Part
from shared.events.fields import Count, Identifier, MinorUnits, Points, PositiveQuantity, UuidText, Version


class OrderLine(Part):
    """One reward: `quantity` units for `points` and `amount_minor` of money, `claims` of its stock limit."""

    line_id: Identifier
    reward_id: Identifier
    kind: Identifier
    quantity: PositiveQuantity
    claims: PositiveQuantity
    points: Points
    amount_minor: MinorUnits = 0
    stock_before: Count | None = None
    stock_after: Count | None = None
    slot: Identifier | None = None


class OrderPlaced(CausedEvent):
    """An order at its quoted price. Its points are the debit of `redemption_id`."""

    TYPE: ClassVar[str] = "greenpoints.order.placed.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    order_id: UuidText
    redemption_id: UuidText | None = None
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=200)
    points: Points
    money: Money | None = None
    price_version: Version | None = None
    quote_id: Identifier | None = None
    recipient_ref: Identifier | None = None
    idempotency_key: Identifier
    body_hash: Identifier
