"""What the API and the page read. Every list is paged by key, newest first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.notification.desk import Member
from shared.events.cloudevent import event_key
from shared.runtime.postgres import Pool

LAST_ENTRY = 2**63 - 1
_COLUMNS = """
    m.message_id, m.entry_id, m.notice_id, m.program_id, m.member_id, m.channel, m.state, m.code, m.error, m.attempts,
    m.told_event_id, m.created_at, m.settled_at, m.read_at"""
INBOX_PAGE = """
    SELECT m.message_id, m.entry_id, m.notice_id, m.settled_at, m.read_at
      FROM message AS m
     WHERE m.program_id = $1 AND m.member_id = $2 AND m.channel = 'in_app' AND m.state = 'sent' AND m.entry_id < $3
       AND (NOT $5 OR m.read_at IS NULL)
     ORDER BY m.entry_id DESC LIMIT $4
"""
UNREAD = """
    SELECT count(*) FROM message
     WHERE program_id = $1 AND member_id = $2 AND channel = 'in_app' AND state = 'sent' AND read_at IS NULL
"""
LOCALE = "SELECT locale FROM member WHERE program_id = $1 AND member_id = $2"
MARK_READ = """
    WITH read AS (
        UPDATE message SET read_at = now()
         WHERE program_id = $1 AND member_id = $2 AND channel = 'in_app' AND state = 'sent' AND read_at IS NULL
           AND ($3::uuid[] IS NULL OR message_id = ANY($3)) AND entry_id <= $4
        RETURNING 1)
    SELECT count(*) FROM read
"""
LOG_PAGE = f"""
    SELECT {_COLUMNS}, n.template, n.points, n.causes, n.causation_id, n.correlation_id, n.due_at
      FROM (SELECT * FROM message WHERE program_id = $1 AND member_id = $2 AND entry_id < $3
             ORDER BY entry_id DESC LIMIT $4) AS m,
           LATERAL (SELECT * FROM notice WHERE notice_id = m.notice_id OFFSET 0) AS n
     ORDER BY m.entry_id DESC
"""  # noqa: S608 - the columns are ours
# By a message, by an event it tells of, or by the story that event belongs to.
TRACE = f"""
    WITH wanted AS (
        SELECT notice_id FROM message WHERE message_id = $1
        UNION
        SELECT notice_id FROM notice WHERE notice_id = $1
        UNION
        SELECT notice_id FROM notice_cause WHERE event_key = ANY($2::uuid[])
        UNION
        SELECT notice_id FROM (SELECT notice_id FROM notice_cause WHERE correlation_id = $3 LIMIT 200) AS told
    )
    SELECT {_COLUMNS}, n.template, n.points, n.causes, n.causation_id, n.correlation_id, n.due_at
      FROM wanted AS w, LATERAL (SELECT * FROM notice WHERE notice_id = w.notice_id OFFSET 0) AS n,
           LATERAL (SELECT * FROM message WHERE notice_id = n.notice_id OFFSET 0) AS m
     ORDER BY m.entry_id LIMIT 200
"""  # noqa: S608 - the columns are ours
# The whole log at a glance, for an operator who looks now and then.
COUNTS = "SELECT channel, state, code, error, count(*) AS messages FROM message GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
GATHERING = "SELECT count(*) FROM notice WHERE state = 'gathering'"
_TOLD_BY = ("/earning", "/redemption", "/fraud_monitoring")


async def read_inbox_page(
    pool: Pool, member: Member, before: int | None, limit: int, *, unread: bool
) -> list[asyncpg.Record]:
    return await pool.fetch(INBOX_PAGE, *member, LAST_ENTRY if before is None else before, limit, unread)


async def count_unread(pool: Pool, member: Member) -> int:
    unread: int = await pool.fetchval(UNREAD, *member)
    return unread


async def read_locale(pool: Pool, member: Member) -> str | None:
    """What the member's profile names; None also where there is no profile."""
    locale: str | None = await pool.fetchval(LOCALE, *member)
    return locale


async def mark_read(
    pool: Pool, member: Member, messages: Sequence[UUID] | None = None, up_to: int | None = None
) -> int:
    """Mark these, or everything up to an entry; the number that was unread before."""
    wanted = None if messages is None else list(messages)
    marked: int = await pool.fetchval(MARK_READ, *member, wanted, LAST_ENTRY if up_to is None else up_to)
    return marked


async def read_log(pool: Pool, member: Member, before: int | None, limit: int) -> list[asyncpg.Record]:
    return await pool.fetch(LOG_PAGE, *member, LAST_ENTRY if before is None else before, limit)


async def trace_messages(pool: Pool, wanted: str) -> list[asyncpg.Record]:
    """Messages that have to do with an id: theirs, an event's, a grant's, a story's (`source#id`)."""
    keys = [event_key(source, wanted) for source in _TOLD_BY]
    if "#" in wanted:
        source, _, event_id = wanted.rpartition("#")
        keys.append(event_key(source, event_id))
    return await pool.fetch(TRACE, _uuid(wanted), keys, wanted)


async def count_messages(pool: Pool) -> dict[str, Any]:
    rows = await pool.fetch(COUNTS)
    return {"messages": [dict(row) for row in rows], "gathering": await pool.fetchval(GATHERING)}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
