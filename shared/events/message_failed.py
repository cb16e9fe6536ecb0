"""`message.failed`: a message could not be delivered."""

from typing import ClassVar

from shared.events.fields import Count, Identifier
from shared.events.message_sent import MessageOutcome


class MessageFailed(MessageOutcome):
    """The channel refused after `attempts` tries; `error` names the class of failure, no address."""

    TYPE: ClassVar[str] = "greenpoints.message.failed.v1"
    TOPIC: ClassVar[str] = "notifications.deliveries.v1"

    attempts: Count
    error: Identifier
