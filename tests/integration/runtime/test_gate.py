"""The gate: an owner of yesterday writes nothing, and every offset is counted once."""

import asyncio
from dataclasses import replace
from datetime import datetime

import asyncpg
import pytest
from msgspec import structs

from shared.runtime import gate
from shared.runtime.batch import Delivered, Desk, Fate, Outgoing
from shared.runtime.gate import OWNER, GateShutError
from shared.runtime.statement import Part, gated_statement, maybe_microseconds, microseconds
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import eventually
from tests.integration.runtime.harness import TOPIC, Ledger, batch, raw, record, started

OTHER = "pos.purchases.v1"


async def written(ledger: Ledger) -> tuple[int, ...]:
    return tuple([await ledger.count(table) for table in ("inbox", "outbox", "dead_letter", "offset_gap")])


async def test_an_owner_of_yesterday_writes_nothing(ledger: Ledger) -> None:
    """Nor when the new owner handled only another topic of the same partition number."""
    yesterday = ledger.run(await ledger.claim(0, TOPIC, OTHER))
    today = ledger.run(await ledger.claim(0))
    await today.post(batch(raw(b"k", b"{"), topic=OTHER))
    before, offsets = await written(ledger), await ledger.offsets()
    for bad in (record("e1"), raw(b"k", b"{")):
        with pytest.raises(GateShutError):
            await yesterday.post(batch(bad))
    assert await written(ledger) == before
    assert await ledger.offsets() == offsets
    await today.post(batch(record("e1")))
    assert (await ledger.offsets())["applied"] == 1


async def test_another_partition_number_is_another_owner(ledger: Ledger) -> None:
    zero = ledger.run(await ledger.claim(0))
    await ledger.claim(1)
    await zero.post(batch(record("e1")))
    assert (await ledger.offsets())["applied"] == 1


@pytest.mark.parametrize("start", [0, 2])
async def test_a_wrong_offset_writes_nothing(ledger: Ledger, start: int) -> None:
    run = ledger.run(await ledger.claim())
    await run.post(batch(record("e1")))
    before = await written(ledger)
    with pytest.raises(GateShutError):
        await run.post(batch(record("e2"), raw(b"k", b"{"), start=start))
    assert await written(ledger) == before
    assert (await ledger.offsets())["next_offset"] == 1


async def test_a_topic_not_begun_writes_nothing(ledger: Ledger) -> None:
    run = ledger.run(await ledger.claim())
    with pytest.raises(GateShutError):
        await run.post(batch(record("e1"), topic=OTHER))
    assert await written(ledger) == (0, 0, 0, 0)


async def test_a_claim_waits_for_a_statement_in_flight_and_then_shuts_it_out(ledger: Ledger) -> None:
    epoch = await ledger.claim()
    owner_only = (OWNER, Part("gate", "SELECT 1 FROM owner"))
    writing = gated_statement(owner_only, [Part("told", "INSERT INTO outbox (aggregatetype, type, event_id) "
                                                      "SELECT 't', 't', gen_random_uuid() FROM gate")])  # fmt: skip
    values = writing.arguments({"partition": 0, "epoch": epoch})
    async with ledger.running.pool.acquire() as old:
        transaction = old.transaction()
        await transaction.start()
        assert await old.fetchval(writing.sql, *values) == 1
        claiming = asyncio.create_task(ledger.claim())

        async def waits() -> bool:
            count: int = await ledger.running.pool.fetchval(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"
            )
            return count > 0

        await eventually("waiting claim", waits, seconds=5, pause=0.01)
        assert not claiming.done()
        await transaction.commit()
        assert await claiming == epoch + 1
        assert await old.fetchval(writing.sql, *values) == 0
    assert await ledger.count("outbox") == 1


async def test_a_statement_behind_a_claim_in_flight_finds_the_gate_shut(ledger: Ledger) -> None:
    run = ledger.run(await ledger.claim())
    async with ledger.running.pool.acquire() as claimer:
        transaction = claimer.transaction()
        await transaction.start()
        await gate.claim(claimer, 0, "another")
        posting = asyncio.create_task(run.post(batch(record("e1"))))
        await asyncio.wait({posting}, timeout=0.2)
        assert not posting.done()
        await transaction.commit()
    with pytest.raises(GateShutError):
        await posting
    assert await written(ledger) == (0, 0, 0, 0)


async def test_every_offset_has_one_fate_and_gaps_are_kept(ledger: Ledger) -> None:
    run = ledger.run(await ledger.claim())
    first, second = record("e1"), record("e2")
    whole = batch(first, first, raw(b"k", b"{"), second)
    spread = [structs.replace(each, offset=place) for each, place in zip(whole.delivered, (3, 4, 5, 9), strict=True)]
    await run.post(replace(whole, delivered=spread, to_offset=12))
    assert await ledger.offsets() == {
        "first_offset": 0, "next_offset": 12, "applied": 2, "duplicate": 1, "ignored": 0, "forwarded": 0,
        "dead_lettered": 1, "gap": 8,
    }  # fmt: skip
    gaps = await ledger.running.pool.fetch("SELECT from_offset, to_offset FROM offset_gap ORDER BY 1")
    assert [tuple(gap) for gap in gaps] == [(0, 3), (6, 9), (10, 12)]


async def test_offsets_that_do_not_add_up_are_refused(ledger: Ledger) -> None:
    await ledger.claim()
    with pytest.raises(asyncpg.CheckViolationError, match="every_offset_once"):
        await ledger.running.pool.execute("UPDATE partition_offset SET next_offset = 1")


async def test_outbox_ids_rise_in_the_order_in_which_the_batch_decided(database: Database) -> None:
    def several(delivered: Delivered, desk: Desk) -> Fate:
        event = delivered.required_event
        for place in range(3):
            desk.emit(Outgoing("t", delivered.key, f"{event.id}/{place}", event.event_key, b""))
        return Fate.APPLIED

    async with started(database.dsns["earning"], handler=several) as ledger:
        run = ledger.run(await ledger.claim())
        names = [f"e{number}" for number in range(500, 0, -1)]
        await run.post(batch(*(record(name) for name in names)))
        rows = await ledger.running.pool.fetch("SELECT type FROM outbox ORDER BY id")
        assert [row["type"] for row in rows] == [f"{name}/{place}" for name in names for place in range(3)]


async def test_a_batch_whose_reply_was_lost_is_known_by_its_offset(ledger: Ledger) -> None:
    """The connection dies after the commit: the batch counts as posted and is not posted again."""
    run = ledger.run(await ledger.claim())
    books = ledger.service.books
    assert books is not None
    saved = type(books).save
    deaths = []

    class Dying(type(books)):  # type: ignore[misc]
        async def save(self, connection: object, *rest: object) -> bool:
            await saved(self, connection, *rest)  # type: ignore[arg-type]
            deaths.append(1)
            raise ConnectionResetError

    run._books = Dying()
    await run.post(batch(record("e1"), record("e2")))
    assert (deaths, (await ledger.offsets())["applied"]) == ([1], 2)
    run._books = books
    await run.post(batch(record("e1"), record("e3"), start=2))
    offsets = await ledger.offsets()
    assert (offsets["applied"], offsets["duplicate"], offsets["next_offset"]) == (3, 1, 4)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-11-22T08:01:02.000003Z",
                                  "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])  # fmt: skip
async def test_an_instant_travels_as_microseconds_and_arrives_exactly(ledger: Ledger, text: str) -> None:
    told = datetime.fromisoformat(text)
    assert await ledger.running.pool.fetchval("SELECT instant($1)", microseconds(told)) == told
    assert await ledger.running.pool.fetchval("SELECT instant($1)", maybe_microseconds(None)) is None
