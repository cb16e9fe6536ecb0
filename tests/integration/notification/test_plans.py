"""Every hot query finds its rows by an index, with the generic plans that the service's connections use."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.notification.store.books import LOAD
from services.notification.store.close import LOCK_DUE, READ_DUE, SAVE_CLOSED
from services.notification.store.emails import CLAIM, ERASE_LETTERS, FACTS, LOST, MARK, RELEASE, SETTLE, TRY_LATER
from services.notification.store.inbox import INBOX_PAGE, LOCALE, LOG_PAGE, MARK_READ, TRACE, UNREAD
from services.notification.store.save import SAVE_BATCH
from services.notification.store.texts import CAUSES, NOTICES
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import analyze_all, plan_of, read_whole
from tests.integration.notification.harness import Notification, start, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = """
    INSERT INTO member SELECT 'p', 'm-' || n, 'en', NULL, '{}' FROM generate_series(1, 4000) AS n;
    INSERT INTO contact SELECT 'p', 'm-' || n, convert_to('p/m-' || n, 'UTF8'), 'a@b.test'
      FROM generate_series(1, 4000) AS n;
    INSERT INTO hold SELECT 'p', 'm-' || n, 'h-' || n, 'reason' FROM generate_series(1, 4000) AS n;
    INSERT INTO notice SELECT gen_random_uuid(), 'p', 'm-' || n % 4000 + 1, 'points_granted', '',
           CASE n % 200 WHEN 0 THEN 'gathering' ELSE 'closed' END, gen_random_uuid(), 't', 'e-' || n, 'c-' || n, 1,
           now(), now() + n * interval '1 second', now() + n * interval '1 second', 10, 1
      FROM generate_series(1, 40000) AS n;
    INSERT INTO notice_cause (event_key, notice_id, kind, points, correlation_id)
    SELECT gen_random_uuid(), notice_id, 'k', 10, correlation_id FROM notice;
    INSERT INTO message (message_id, notice_id, program_id, member_id, channel, state, told_event_id, next_attempt_at)
    SELECT gen_random_uuid(), notice_id, program_id, member_id, channel,
           CASE WHEN causes > 0 AND right(causation_id, 2) = '00' AND channel = 'email' THEN 'queued' ELSE 'sent' END,
           CASE WHEN right(causation_id, 2) = '00' AND channel = 'email' THEN NULL ELSE gen_random_uuid() END, now()
      FROM notice, unnest(ARRAY['in_app', 'email']) AS channel WHERE state = 'closed';
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Notification]:
    """4,000 members, 40,000 notices, with statistics."""
    started = await start(module_database.dsns["notification"], "127.0.0.1:1")
    await started.running.pool.execute(_MANY)
    await analyze_all(started.running.pool)
    yield started
    await stop(started)


_HOT = [
    pytest.param(LOAD.sql, ["notice_newest", "notice_cause_pkey"], id="load a batch"),
    pytest.param(SAVE_BATCH.sql, ["notice_pkey", "message_waiting_of_member"], id="save a batch"),
    pytest.param(LOCK_DUE, ["notice_due"], id="lock due notices"),
    pytest.param(READ_DUE, ["notice_pkey", "member_pkey", "notice_cause_in_order"], id="read due notices"),
    pytest.param(SAVE_CLOSED.sql, ["notice_pkey"], id="save closed notices"),
    pytest.param(CLAIM, ["message_queued", "message_pkey"], id="claim e-mails"),
    pytest.param(FACTS, ["message_pkey", "notice_pkey", "member_pkey", "contact_pkey"], id="facts of e-mails"),
    pytest.param(MARK, ["message_pkey", "contact_pkey"], id="mark an e-mail"),
    pytest.param(TRY_LATER, ["message_pkey"], id="try an e-mail later"),
    pytest.param(RELEASE, ["message_pkey"], id="give e-mails back"),
    pytest.param(LOST, ["message_sending"], id="lost e-mails"),
    pytest.param(SETTLE.sql, ["message_pkey"], id="settle an e-mail"),
    pytest.param(NOTICES, ["notice_pkey", "hold_pkey"], id="facts of notices"),
    pytest.param(CAUSES, ["notice_cause_in_order"], id="causes of notices"),
    pytest.param(INBOX_PAGE, ["inbox_of_member"], id="inbox page"),
    pytest.param(UNREAD, ["inbox_unread"], id="unread"),
    pytest.param(LOCALE, ["member_pkey"], id="locale"),
    pytest.param(MARK_READ, ["inbox_of_member"], id="mark as read"),
    pytest.param(LOG_PAGE, ["message_of_member", "notice_pkey"], id="log page"),
    pytest.param(TRACE, ["message_pkey", "notice_cause_pkey", "notice_cause_of_story"], id="trace"),
    pytest.param(ERASE_LETTERS, ["dead_letter_of_contact"], id="erase letters"),
]


@pytest.mark.parametrize(("sql", "indexes"), _HOT)
async def test_the_plan_uses_the_index(crowded: Notification, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    for index in indexes:
        assert f"using {index}" in plan or f"on {index}" in plan, plan
    scanned = {table for table in re.findall(r"Seq Scan on (\w+)", plan) if not table.startswith("inbox_")}
    assert scanned <= {"partition_owner", "partition_offset", "recipient"}, plan  # one row a partition, or empty here


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(LOAD.sql, id="load a batch"),
        pytest.param(SAVE_BATCH.sql, id="save a batch"),
        pytest.param(SAVE_CLOSED.sql, id="save closed notices"),
        pytest.param(FACTS, id="facts of e-mails"),
    ],
)
async def test_a_plan_made_while_the_tables_were_empty_will_do_when_they_are_full(
    service: Notification, sql: str
) -> None:
    await analyze_all(service.running.pool)
    plan = await plan_of(service.running.pool, sql)
    assert [index for index in read_whole(plan) if not index.startswith("partition_")] == [], plan


async def test_the_inbox_page_needs_no_sort(crowded: Notification) -> None:
    async with crowded.running.pool.acquire() as connection:
        rows = await connection.fetch(f"EXPLAIN {INBOX_PAGE}", "p", "m-1", 2**63 - 1, 50, False)
    assert "Sort" not in "\n".join(row[0] for row in rows)
