"""`member.closed`: an account is closed. Redemption alone may say so (C22)."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Points, Timestamp


class MemberClosed(CausedEvent):
    """The account is closed at `closed_at`; the points it held are forfeited with the member's word."""

    TYPE: ClassVar[str] = "greenpoints.member.closed.v1"
    TOPIC: ClassVar[str] = "members.profiles.v1"

    closed_at: Timestamp
    points_forfeited: Points = 0
