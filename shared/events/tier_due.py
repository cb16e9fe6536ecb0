"""`tier.due`: the end of a tier's validity, or of its grace, has come; a timer says so, once per end."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Timestamp


class TierDue(CausedEvent):
    """`due_at` is the first instant after the last good day, and the event's time."""

    TYPE: ClassVar[str] = "greenpoints.tier.due.v1"
    TOPIC: ClassVar[str] = "earning.effects.v1"

    due_at: Timestamp
