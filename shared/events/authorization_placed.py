"""`authorization.placed`: points are reserved to pay part of a bill at the till."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Currency, Identifier, MinorUnits, Points, SignedPoints, Timestamp, UuidText, Version
from shared.events.points_redeemed import Allocation


class AuthorizationPlaced(CausedEvent):
    """`points` worth `amount_minor` are reserved until `releases_at`; `limited_by` names what bound them.

    `rate_points` points pay `rate_minor`, in steps of `step_points`; `offset_day_id` where an offset day's terms held.
    """

    TYPE: ClassVar[str] = "greenpoints.authorization.placed.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    authorization_id: UuidText
    merchant_id: Identifier
    receipt_id: Identifier | None = None
    points: Points
    amount_minor: MinorUnits
    currency: Currency
    allocations: tuple[Allocation, ...] = ()
    limited_by: Identifier | None = None
    releases_at: Timestamp
    balance_before: SignedPoints
    balance_after: SignedPoints
    price_version: Version | None = None
    rate_points: Points | None = None
    rate_minor: MinorUnits | None = None
    step_points: Points | None = None
    offset_day_id: Identifier | None = None
    idempotency_key: Identifier
    body_hash: Identifier
