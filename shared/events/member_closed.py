"""`member.closed`: an account is closed. Redemption alone may say so (C22)."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Points, Timestamp


class MemberClosed(CausedEvent):
    """The account is closed at `closed_at`; the points it held are forfeited with the member's word.

    Of `points_unspent`, no more than `points_acknowledged`, the free ones are forfeited at once; what is held or
    reserved is forfeited when that ends.
    """

    TYPE: ClassVar[str] = "greenpoints.member.closed.v1"
    TOPIC: ClassVar[str] = "members.profiles.v1"

    closed_at: Timestamp
    points_forfeited: Points = 0
    points_unspent: Points = 0
    points_acknowledged: Points = 0
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
