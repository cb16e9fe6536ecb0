"""`hold.confirmed`: a person confirmed the case; the points are forfeited."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier, Points


class HoldConfirmed(CausedEvent):
    """How many points are lost, who decided, and why."""

    TYPE: ClassVar[str] = "greenpoints.hold.confirmed.v1"
    TOPIC: ClassVar[str] = "fraud.holds.v1"

    hold_id: Identifier
    case_id: Identifier
    points: Points
    person: Identifier
    note: FreeText
