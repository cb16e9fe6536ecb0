"""`message.sent`: a member was told; the in-app inbox counts."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Identifier, Identifiers, UuidText


class MessageOutcome(CausedEvent):
    """One message to one member; `causation_id` is the event it tells about."""

    message_id: UuidText
    template: Identifier
    channel: Identifier
    lot_ids: Identifiers = ()


class MessageSent(MessageOutcome):
    """The message was handed over to its channel."""

    TYPE: ClassVar[str] = "greenpoints.message.sent.v1"
    TOPIC: ClassVar[str] = "notifications.deliveries.v1"
