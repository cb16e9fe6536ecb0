"""What notification tells the world: message.sent, message.failed, message.suppressed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.notification.domain.ids import SOURCE, outcome_id
from services.notification.domain.template import Channel, Template
from shared.events.keys import member_key
from shared.events.message_failed import MessageFailed
from shared.events.message_sent import MessageOutcome, MessageSent
from shared.events.message_suppressed import MessageSuppressed
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Outgoing, outgoing_event

LOTS_NAMED = 200  # as many as the contract's list of ids holds


class Addressed(NamedTuple):
    """One message of a notice, to whom and about what; `due_at` is the time its outcome carries."""

    message_id: UUID
    channel: Channel
    template: Template
    program_id: str
    member_id: str
    causation_id: str
    correlation_id: str
    rule_version: int | None
    due_at: datetime
    lot_ids: Sequence[UUID]


def sent(message: Addressed) -> Outgoing:
    """It was handed over to its channel; the in-app inbox counts."""
    return _told(message, MessageSent(**_common(message)), "sent")


def failed(message: Addressed, attempts: int, error: str) -> Outgoing:
    """`error` is a class of failure, such as smtp-550; never the server's words, which may quote the address."""
    return _told(message, MessageFailed(**_common(message), attempts=attempts, error=error), "failed")


def suppressed(message: Addressed, code: ReasonCode) -> Outgoing:
    """It was not sent, for this reason."""
    return _told(message, MessageSuppressed(**_common(message), code=code.value), "suppressed")


def _common(message: Addressed) -> dict[str, Any]:
    return {
        "program_id": message.program_id,
        "member_id": message.member_id,
        "causation_id": message.causation_id,
        "correlation_id": message.correlation_id,
        "rule_version": message.rule_version,
        "message_id": str(message.message_id),
        "template": message.template.value,
        "channel": message.channel.value,
        "lot_ids": tuple(str(lot_id) for lot_id in message.lot_ids[:LOTS_NAMED]),
    }


def _told(message: Addressed, data: MessageOutcome, outcome: str) -> Outgoing:
    """The time is the window's end, the instant it was due: no clock of ours."""
    key = member_key(message.program_id, message.member_id)
    event_id = outcome_id(message.message_id, outcome)
    return outgoing_event(data.TOPIC, key, event_id, SOURCE, message.member_id, message.due_at, data)
