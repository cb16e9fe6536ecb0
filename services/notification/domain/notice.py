"""A notice: what is told once, gathered from the causes that came within its window."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.notification.domain.details import Details
from services.notification.domain.template import STANDING, Template


class NoticeKey(NamedTuple):
    """What the causes of one notice have in common."""

    program_id: str
    member_id: str
    template: Template
    group: str


class Cause(NamedTuple):
    """One event that a member is told of; `at` is when the points are or became available."""

    event_key: UUID
    kind: str
    points: int
    lot_id: UUID | None
    reference: str | None
    at: datetime | None
    correlation_id: str
    details: Details | None = None


class FirstCause(NamedTuple):
    """The event that opened the notice: it names the messages."""

    event_key: UUID
    type: str
    id: str
    correlation_id: str
    rule_version: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    """`due_at` is the window's end; a cause recorded at it or later belongs to the next notice."""

    notice_id: UUID
    key: NoticeKey
    due_at: datetime
    points: int
    causes: int
    is_open: bool = True

    def with_cause(self, points: int) -> "Notice":
        """Points add up, except where each cause states the whole anew."""
        total = points if self.key.template in STANDING else self.points + points
        return replace(self, points=total, causes=self.causes + 1)
