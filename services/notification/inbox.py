"""One member's inbox, worded: what the API and the page both show."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notification.desk import Member
from services.notification.domain.language import language_of
from services.notification.store.inbox import count_unread, read_inbox_page, read_locale
from services.notification.store.texts import read_facts
from services.notification.wording import TextParts, program_words, word
from shared.runtime.service import Running


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One message; `entry_id` rises with time."""

    message_id: UUID
    entry_id: int
    template: str
    told_at: datetime
    read_at: datetime | None
    text: TextParts


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Newest first; `next_before` is the key of the next page, None at the end."""

    language: str
    program: str
    messages: list[InboxMessage]
    unread: int
    next_before: int | None


async def open_inbox(
    running: Running, member: Member, before: int | None, limit: int, *, unread: bool, locale: str | None
) -> InboxPage:
    """In the language asked for, else in the member's."""
    language = language_of(locale or await read_locale(running.pool, member))
    rows = await read_inbox_page(running.pool, member, before, limit, unread=unread)
    facts = await read_facts(running.pool, [row["notice_id"] for row in rows])
    program = program_words(running.programs, member[0], language)
    messages = [
        InboxMessage(
            message_id=row["message_id"],
            entry_id=row["entry_id"],
            template=facts[row["notice_id"]].template,
            told_at=row["settled_at"],
            read_at=row["read_at"],
            text=word(facts[row["notice_id"]], language, program),
        )
        for row in rows
    ]
    return InboxPage(
        language=language,
        program=program.name,
        messages=messages,
        unread=await count_unread(running.pool, member),
        next_before=messages[-1].entry_id if len(messages) == limit else None,
    )
