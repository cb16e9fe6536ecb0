"""`message.suppressed`: a message was not sent because of the member's rights (C23)."""

from typing import ClassVar

from shared.events.fields import Code
from shared.events.message_sent import MessageOutcome


class MessageSuppressed(MessageOutcome):
    """`code` says why: no consent, opted out, or a guardian has to agree."""

    TYPE: ClassVar[str] = "greenpoints.message.suppressed.v1"
    TOPIC: ClassVar[str] = "notifications.deliveries.v1"

    code: Code
