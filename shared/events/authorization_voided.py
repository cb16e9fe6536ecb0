"""`authorization.voided`: reserved points were let go."""

from typing import ClassVar, Literal

from shared.events.event import CausedEvent
from shared.events.fields import Points, UuidText


class AuthorizationVoided(CausedEvent):
    """The till voided the authorization, or it released itself when its time was over."""

    TYPE: ClassVar[str] = "greenpoints.authorization.voided.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    authorization_id: UuidText
    points_released: Points
    cause: Literal["voided", "timed_out"]
