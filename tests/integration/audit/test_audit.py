"""Sound books are proved sound, whatever is under way; falsified ones are found out, and the row is named."""

import asyncpg
import pytest

from services.operator.traffic.community.place import PROGRAM_ID as COMMUNITY
from tests.infrastructure.till import PROGRAM
from tests.integration.audit.books import Books
from tests.integration.audit.corruption import Corruption
from tests.integration.audit.corruptions import CORRUPTIONS


async def test_clean_while_traffic_flows(books: Books) -> None:
    assert len(books.during_traffic) >= 2
    assert [verdict.sentence for verdict in books.during_traffic if not verdict.clean] == []
    seen = [verdict.accounts["issued"] for verdict in books.during_traffic]
    assert seen == sorted(seen) and seen[0] < seen[-1], "the snapshots were taken while points were issued"


async def test_clean_at_rest_and_every_figure_is_told(books: Books) -> None:
    verdict = books.at_rest
    assert verdict.clean, [(result.name, result.rows) for result in verdict.results if result.differences]
    assert verdict.under_way == {}
    accounts = dict(verdict.accounts)
    issued = accounts.pop("issued")
    assert issued == sum(accounts.values()) - 2 * (accounts["deficit"] + accounts["waived"])
    assert min(accounts[name] for name in ("pending", "available", "held", "clawed_back")) > 0
    assert accounts["forfeited"] == 100 + 55, "what a person named, and a debit"
    assert accounts["redeemed"] == 150 + 120 + 1_500 + 400
    told = verdict.outcomes
    assert (told["waiting"], told["scheduled"]) == (1, 1)
    assert told["forwarded or put to wait"] >= 2, "one under a wrong key, one of a member not registered yet"
    assert min(told[name] for name in ("granted", "declined", "clawed_back", "duplicate", "dead-lettered")) > 0
    assert all(result.looked_at for result in verdict.results)
    (gaps,) = [result for result in verdict.results if result.name == "gaps"]
    assert gaps.looked_at == 3, "the end of one transaction, passed by each service that reads profiles"


async def test_grants_under_way_are_no_difference(books: Books) -> None:
    in_kafka, in_outbox = books.under_way_in_kafka, books.under_way_in_outbox
    assert in_kafka.clean, in_kafka.sentence
    assert in_kafka.under_way == {"in points.grants.v1, to be read": 1}
    assert in_outbox.clean, in_outbox.sentence
    assert in_outbox.under_way == {"in earning's outbox": 1, "in points.grants.v1, to be read": 1}


async def test_one_program_alone(books: Books) -> None:
    both = await books.audit()
    alone = [await books.audit([program]) for program in (PROGRAM, COMMUNITY)]
    assert all(verdict.clean for verdict in alone)
    assert {name: sum(verdict.accounts[name] for verdict in alone) for name in both.accounts} == both.accounts
    assert min(verdict.accounts["issued"] for verdict in alone) > 0
    assert (await books.audit(["elsewhere"])).accounts["issued"] == 0


async def test_a_dead_lettered_grant_is_told_until_its_replay_is_lost(books: Books) -> None:
    async with books.superuser() as admin:
        partition = await admin.fetchval(_DEAD_LETTER_THE_UNREAD_GRANT)
        try:
            dead_lettered = await books.audit()
            await admin.execute("UPDATE redemption.dead_letter SET state = 'replayed' WHERE code = 'AUDITED'")
            replay_lost = await books.audit()
            await admin.execute(_REPLAY_IN_THE_OUTBOX)
            replay_under_way = await books.audit()
        finally:
            await admin.execute(
                "UPDATE redemption.partition_offset "
                "SET next_offset = next_offset - 1, dead_lettered = dead_lettered - 1 "
                "WHERE topic = 'points.grants.v1' AND partition = $1",
                partition,
            )
            await admin.execute("DELETE FROM redemption.outbox")
            await admin.execute("DELETE FROM redemption.dead_letter WHERE code = 'AUDITED'")
    assert dead_lettered.clean, dead_lettered.sentence
    assert dead_lettered.under_way["in redemption's dead letters"] == 1
    assert replay_lost.failed() == {"hand-over"}
    assert replay_under_way.clean, replay_under_way.sentence
    assert (await books.audit()).clean


# As redemption would, had it refused the record: a dead letter, its copy, and the offset passed. Its value is no
# valid UTF-8.
_DEAD_LETTER_THE_UNREAD_GRANT = """
WITH grant_in_kafka AS (
    SELECT grant_id FROM earning.issued_grant AS g
     WHERE NOT EXISTS (SELECT FROM redemption.lot AS l WHERE l.lot_id = g.grant_id)
       AND NOT EXISTS (SELECT FROM earning.outbox AS o WHERE o.event_id = g.grant_id)
), passed AS (
    UPDATE redemption.partition_offset AS o SET next_offset = next_offset + 1, dead_lettered = dead_lettered + 1
      FROM earning.relay_progress AS r
     WHERE (r.topic, r.partition) = (o.topic, o.partition) AND o.topic = 'points.grants.v1'
       AND r.acknowledged_offset >= o.next_offset
    RETURNING o.partition, o.next_offset - 1 AS passed
), copy AS (
    INSERT INTO redemption.outbox (aggregatetype, type, event_id)
    SELECT 'points.grants.v1.redemption.dlq', 'dead-letter', grant_id FROM grant_in_kafka
)
INSERT INTO redemption.dead_letter (dead_letter_id, topic, partition, record_offset, record_value, headers, code,
                                    message, error_class, fields, attempt, arrival)
SELECT gen_random_uuid(), 'points.grants.v1', partition, passed,
       convert_to('{"specversion":"1.0","id":"' || grant_id || '","source":"/earning",', 'UTF8') || '\xff', '[]',
       'AUDITED', '', '', '[]', 1, now()
  FROM grant_in_kafka, passed
RETURNING partition
"""
_REPLAY_IN_THE_OUTBOX = """
INSERT INTO redemption.outbox (aggregatetype, type, event_id)
SELECT topic, 'replay', dead_letter_id FROM redemption.dead_letter WHERE code = 'AUDITED'
"""


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name.replace(" ", "-"))
async def test_a_corruption_is_found_and_its_row_named(books: Books, corruption: Corruption) -> None:
    async with books.superuser() as admin:
        definition = await _lift(admin, corruption)
        hit = await _last_value(admin, corruption.spoil)
        try:
            verdict = await books.audit()
        finally:
            await admin.execute(corruption.mend.replace("{hit}", hit))
            await _put_back(admin, corruption, definition)
    assert verdict.failed() == corruption.checks, verdict.sentence
    assert not verdict.clean
    named = [
        f"{row.subject} {row.member_id} {row.found}"
        for result in verdict.results
        if result.name in corruption.checks
        for row in result.rows
    ]
    assert any(hit in name for name in named), (hit, named)


async def _lift(admin: "asyncpg.Connection[asyncpg.Record]", corruption: Corruption) -> str | None:
    if corruption.lifted is None:
        return None
    table, constraint = corruption.lifted
    definition: str = await admin.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::text::regclass AND conname = $2",
        table,
        constraint,
    )
    await admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    return definition


async def _put_back(
    admin: "asyncpg.Connection[asyncpg.Record]", corruption: Corruption, definition: str | None
) -> None:
    if corruption.lifted is not None:
        table, constraint = corruption.lifted
        await admin.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")


async def _last_value(admin: "asyncpg.Connection[asyncpg.Record]", statements: str) -> str:
    """Run several statements; the last one must say what it hit."""
    *before, last = statements.split(";\n")
    for statement in before:
        await admin.execute(statement)
    hit = await admin.fetchval(last)
    assert hit is not None, "the corruption hit nothing"
    return str(hit)
