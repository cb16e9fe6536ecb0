"""`hold.released`: a person cleared the case; the points are free."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier


class HoldReleased(CausedEvent):
    """Who released the hold, and why."""

    TYPE: ClassVar[str] = "greenpoints.hold.released.v1"
    TOPIC: ClassVar[str] = "fraud.holds.v1"

    hold_id: Identifier
    case_id: Identifier
    person: Identifier
    note: FreeText
