"""`authorization.captured`: reserved points paid their part of the bill."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Currency, Identifier, MinorUnits, Points, SignedPoints, UuidText
from shared.events.points_redeemed import Allocation


class AuthorizationCaptured(CausedEvent):
    """`points` were spent by `redemption_id`; `points_released` of the reservation are spendable again, by lot."""

    TYPE: ClassVar[str] = "greenpoints.authorization.captured.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    authorization_id: UuidText
    redemption_id: UuidText
    merchant_id: Identifier
    receipt_id: Identifier | None = None
    points: Points
    amount_minor: MinorUnits
    currency: Currency
    points_released: Points = 0
    released: tuple[Allocation, ...] = ()
    balance_before: SignedPoints | None = None
    balance_after: SignedPoints | None = None
