"""`authorization.voided`: reserved points were let go."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Points, SignedPoints, UuidText
from shared.events.points_redeemed import Allocation


class AuthorizationVoided(CausedEvent):
    """The till voided the authorization, or it released itself when its time was over."""

    TYPE: ClassVar[str] = "greenpoints.authorization.voided.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    authorization_id: UuidText
    points_released: Points
    cause: Literal["voided", "timed_out"]
    merchant_id: Identifier | None = None
    released: tuple[Allocation, ...] = ()
    balance_before: SignedPoints | None = None
    balance_after: SignedPoints | None = None
