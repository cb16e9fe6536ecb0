"""`order.placed`: points and stock were taken for rewards, all or nothing."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Money, Part
from shared.events.fields import (
    Count,
    FalseByDefault,
    Identifier,
    MinorUnits,
    Points,
    PositiveQuantity,
    UuidText,
    Version,
)


class ServingPurchase(Part):
    """A line of a receipt that made eligible; it serves one claim."""

    merchant_id: Identifier
    receipt_id: Identifier
    line_id: Identifier


class OrderLine(Part):
    """One reward: `quantity` units, `claims` claims of it, for `points` and `amount_minor` of money.

    The stock is in units, before and after, of what is left least. `exclusion_confirmed`: the member agreed that it
    cannot be returned (C17). `purchases` served to make the member eligible.
    """

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
    exclusion_confirmed: FalseByDefault = False
    purchases: tuple[ServingPurchase, ...] = ()


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
