"""What one batch of notification knows and has decided."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

from services.notification.domain.consent import Profile
from services.notification.domain.details import Details
from services.notification.domain.ids import notice_id
from services.notification.domain.notice import Cause, FirstCause, Notice, NoticeKey
from services.notification.notice_keys import notice_key
from shared.runtime.batch import Delivered, Desk, Fate

Member: TypeAlias = tuple[str, str]  # program id, member id


@dataclass(frozen=True, slots=True)
class Windows:
    """How long causes gather: a digest's, and everything else's."""

    digest: timedelta
    notice: timedelta


class Contact(NamedTuple):
    """A member's own contact data, whole: what is absent is gone. Its text shows none of it."""

    email: str | None
    phone: str | None
    webhook: str | None

    def __repr__(self) -> str:
        return "Contact(…)"


class OpenedNotice(NamedTuple):
    """A new notice and what opened it."""

    notice: Notice
    first: FirstCause
    opened_at: datetime


class HoldWords(NamedTuple):
    """What fraud.holds.v1 said of a hold in one batch; None where it said nothing new."""

    reason: str | None
    deadline: datetime | None
    decision: str | None
    note: str | None


@dataclass(slots=True)
class NotificationDesk(Desk):
    """`newest` holds the latest notice per key, open or closed, as loaded and as decided since.

    A contact None is an erasure: it also takes the member's recipients of before.
    """

    windows: Windows = field(default_factory=lambda: Windows(timedelta(minutes=10), timedelta(seconds=3)))
    newest: dict[NoticeKey, Notice] = field(default_factory=dict)
    told: set[UUID] = field(default_factory=set)
    opened: dict[UUID, OpenedNotice] = field(default_factory=dict)
    joined: dict[UUID, Notice] = field(default_factory=dict)
    causes: list[tuple[UUID, Cause]] = field(default_factory=list)
    profiles: dict[Member, Profile] = field(default_factory=dict)
    contacts: dict[Member, Contact | None] = field(default_factory=dict)
    erased: set[Member] = field(default_factory=set)
    recipients: dict[tuple[str, str, str], str] = field(default_factory=dict)
    holds: dict[tuple[str, str, str], HoldWords] = field(default_factory=dict)

    def tell(self, delivered: Delivered, key: NoticeKey, cause: Cause, first: FirstCause, window: timedelta) -> Fate:
        """Add the cause to the notice whose window it was recorded in, or open the next one.

        The record's own time decides, which never falls within a partition: so windows begin at the same causes
        whenever the log is read. A cause that comes after its window was closed opens one more notice for the rest
        of that window, and moves no later window.
        """
        if cause.event_key in self.told:
            return Fate.DUPLICATE
        notice = self.newest.get(key)
        if notice is None or delivered.recorded >= notice.due_at:
            notice = self._open(delivered, key, cause, first, delivered.recorded + window)
        elif not notice.is_open:
            notice = self._open(delivered, key, cause, first, notice.due_at)
        else:
            notice = notice.with_cause(cause.points)
            self._keep(notice)
        self.told.add(cause.event_key)
        self.causes.append((notice.notice_id, cause))
        return Fate.APPLIED

    def _open(self, delivered: Delivered, key: NoticeKey, cause: Cause, first: FirstCause, due_at: datetime) -> Notice:
        event = delivered.required_event
        opened = Notice(
            notice_id=notice_id(event.source, event.id, key.template),
            key=key,
            due_at=due_at,
            points=cause.points,
            causes=1,
        )
        self.opened[opened.notice_id] = OpenedNotice(opened, first, delivered.recorded)
        self.newest[key] = opened
        return opened

    def _keep(self, notice: Notice) -> None:
        self.newest[notice.key] = notice
        if (opened := self.opened.get(notice.notice_id)) is not None:
            self.opened[notice.notice_id] = opened._replace(notice=notice)
        else:
            self.joined[notice.notice_id] = notice

    def forget(self, member: Member) -> None:
        """Erase the member's contact data, those of this batch included."""
        self.contacts[member] = None
        self.erased.add(member)
        for known in [known for known in self.recipients if known[:2] == member]:
            del self.recipients[known]

    def hear_of_hold(self, hold: tuple[str, str, str], words: HoldWords) -> None:
        """Later words complete earlier ones; a decision stands before its hold came, too."""
        before = self.holds.get(hold, HoldWords(None, None, None, None))
        self.holds[hold] = HoldWords(
            words.reason or before.reason,
            words.deadline or before.deadline,
            words.decision or before.decision,
            words.note or before.note,
        )


def tell(
    delivered: Delivered,
    desk: NotificationDesk,
    points: int,
    *,
    kind: str | None = None,
    lot_id: UUID | None = None,
    reference: str | None = None,
    at: datetime | None = None,
    details: Details | None = None,
    window: timedelta | None = None,
) -> Fate:
    """Tell the event's member of it; `kind` is the event's type where nothing else is meant."""
    event = delivered.required_event
    data = event.data
    key = notice_key(data)
    assert key is not None  # noqa: S101 - every event with a handler that tells has one
    story = getattr(data, "correlation_id", None) or f"{event.source}#{event.id}"  # a member's own event begins one
    cause = Cause(event.event_key, kind or event.type, points, lot_id, reference, at, story, details)
    first = FirstCause(event.event_key, event.type, event.id, story, getattr(data, "rule_version", None))
    return desk.tell(delivered, key, cause, first, window or desk.windows.notice)
