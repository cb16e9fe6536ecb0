"""`signal.raised`: a rule of fraud monitoring noticed something."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import CauseId, Count, Identifier, Identifiers, Timestamp, UuidText


class SignalRaised(CausedEvent):
    """What was counted in one window, and the events that were counted (their keys)."""

    TYPE: ClassVar[str] = "greenpoints.signal.raised.v1"
    TOPIC: ClassVar[str] = "fraud.signals.v1"

    signal_id: UuidText
    rule: Identifier
    subject_key: CauseId
    window_start: Timestamp
    window_end: Timestamp
    value: Count
    threshold: Count
    event_keys: Identifiers = ()
