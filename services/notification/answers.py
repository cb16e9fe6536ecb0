"""What the API answers. Times are UTC; no answer holds an address."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.notification.inbox import InboxMessage


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class InboxMessageAnswer(_Answer):
    """One message as the member reads it."""

    message_id: UUID
    entry_id: int
    template: str
    subject: str
    body: str
    told_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, message: InboxMessage) -> Self:
        return cls(
            message_id=message.message_id,
            entry_id=message.entry_id,
            template=message.template,
            subject=message.text.subject,
            body=message.text.body,
            told_at=message.told_at,
            read_at=message.read_at,
        )


class InboxAnswer(_Answer):
    """Newest first; pass `next_before` as `before` for the next page, null at the end."""

    messages: list[InboxMessageAnswer]
    language: str
    unread: int
    next_before: int | None


class MarkedAnswer(_Answer):
    """How many were marked now, and how many are still unread."""

    marked: int
    unread: int


class LinkAnswer(_Answer):
    """The address of the member's inbox page, which opens until `expires_at`."""

    url: str
    expires_at: datetime


class LogRow(_Answer):
    """One message and what became of it; `told_event_id` is its message.sent, failed or suppressed."""

    message_id: UUID
    entry_id: int
    notice_id: UUID
    program_id: str
    member_id: str
    channel: str
    template: str
    state: str
    code: str | None
    error: str | None
    attempts: int
    points: int
    causes: int
    causation_id: str
    correlation_id: str
    told_event_id: UUID | None
    due_at: datetime
    created_at: datetime
    settled_at: datetime | None
    read_at: datetime | None


class LogAnswer(_Answer):
    """Newest first; pass `next_before` as `before` for the next page, null at the end."""

    messages: list[LogRow]
    next_before: int | None


class CountRow(_Answer):
    """How many messages of a channel became what, and why."""

    channel: str
    state: str
    code: str | None
    error: str | None
    messages: int


class DeliveriesAnswer(_Answer):
    """The whole log at a glance; `gathering` notices have not become messages yet."""

    messages: list[CountRow]
    gathering: int
