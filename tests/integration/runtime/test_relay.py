"""The relay with a real Kafka: in order per key, nothing lost, and a stuck row holds back its own key only."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from shared.runtime.batch import Outgoing
from shared.runtime.dead_letter_record import LEFT_OUT_HEADER
from shared.runtime.dead_letters import INSERT_OUTBOX
from shared.runtime.ledger import outbox_arguments, unpack_headers
from shared.runtime.relay import DELETE, MAX_REQUEST_BYTES, READ, Relay, connect_relay
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import plan_on
from tests.infrastructure.services import eventually
from tests.integration.runtime.harness import Ledger, batch, raw, started

GRANTS = "points.grants.v1"


@pytest_asyncio.fixture(loop_scope="session")
async def relayed(fresh_topics: str, database: Database) -> AsyncIterator[Ledger]:
    async with started(database.dsns["earning"], fresh_topics) as books:
        yield books


def row(key: str, payload: bytes, topic: str = GRANTS) -> Outgoing:
    return Outgoing(topic, key.encode(), "test", uuid.uuid4(), payload)


async def put(ledger: Ledger, *rows: Outgoing) -> None:
    await ledger.running.pool.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments(rows)))


@asynccontextmanager
async def relay(ledger: Ledger) -> AsyncIterator[None]:
    task = asyncio.create_task(Relay("earning", ledger.running.settings).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_left(ledger: Ledger, rows: int, *, seconds: float = 20) -> None:
    async def look() -> bool:
        return await ledger.count("outbox") == rows

    await eventually(f"outbox of {rows} rows", look, seconds=seconds, pause=0.02)


async def published(ledger: Ledger, topic: str = GRANTS) -> "Sequence[ConsumerRecord[bytes, bytes]]":
    """Everything the topic holds."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=ledger.running.settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        records: list[ConsumerRecord[bytes, bytes]] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for polled in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(polled)
        return records
    finally:
        await consumer.stop()


def payloads(records: "Sequence[ConsumerRecord[bytes, bytes]]", key: str) -> list[bytes | None]:
    return [record.value for record in records if record.key == key.encode()]


async def test_rows_leave_in_order_per_key_and_only_after_the_acknowledgement(relayed: Ledger) -> None:
    await put(relayed, *(row(f"k{number % 7}", str(number).encode()) for number in range(3_000)))
    async with relay(relayed):
        await until_left(relayed, 0)
    records = await published(relayed)
    for key in range(7):
        assert payloads(records, f"k{key}") == [str(number).encode() for number in range(key, 3_000, 7)]
    acknowledged = await relayed.running.pool.fetch("SELECT partition, acknowledged_offset FROM relay_progress")
    last = {record.partition: record.offset for record in records}
    assert {line["partition"]: line["acknowledged_offset"] for line in acknowledged} == last


@pytest.mark.parametrize("sql", [READ, DELETE])
async def test_it_finds_rows_by_the_index_whatever_a_vacuum_saw(relayed: Ledger, sql: str) -> None:
    """To read all of a thousand rows is cheap; the plan is still the same when a million wait."""
    await put(relayed, *(row(f"k{number}", bytes(500)) for number in range(1_000)))
    await relayed.running.pool.execute("VACUUM ANALYZE outbox")
    connection = await connect_relay(relayed.running.settings)
    try:
        plan = await plan_on(connection, sql)
    finally:
        await connection.close()
    assert "outbox_pkey" in plan, plan
    assert "Seq Scan on outbox" not in plan, plan


async def test_a_row_that_becomes_visible_late_is_published(relayed: Ledger) -> None:
    """Its id was drawn before those of rows that have long gone."""
    insert = INSERT_OUTBOX.arguments(outbox_arguments([row("slow", b"1")]))
    async with relay(relayed), relayed.running.pool.acquire() as slow:
        async with slow.transaction():
            await slow.execute(INSERT_OUTBOX.sql, *insert)
            await put(relayed, row("fast", b"2"))
            await until_left(relayed, 0)
        await until_left(relayed, 0)
    records = await published(relayed)
    assert (payloads(records, "slow"), payloads(records, "fast")) == ([b"1"], [b"2"])


async def test_a_missing_topic_holds_back_its_own_rows_only(relayed: Ledger) -> None:
    """Even when such rows are more than the relay reads at a time."""
    stuck = [row("a", b"stuck", "no.such.topic") for _ in range(relayed.running.settings.relay_rows + 1)]
    await put(relayed, *stuck, row("a", b"1"), row("b", b"2"))
    async with relay(relayed):
        await until_left(relayed, len(stuck), seconds=8)
        await put(relayed, row("c", b"3"))
        await until_left(relayed, len(stuck), seconds=2)
    records = await published(relayed)
    assert sorted(record.value or b"" for record in records) == [b"1", b"2", b"3"]


@pytest.mark.parametrize("size", [MAX_REQUEST_BYTES + 1, MAX_REQUEST_BYTES - 100], ids=["client", "broker"])
async def test_a_row_too_large_holds_back_its_key_and_no_other(
    relayed: Ledger, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the client at once, or by the broker afterwards (which takes a little less than the client)."""
    if size < MAX_REQUEST_BYTES:
        monkeypatch.setattr("shared.runtime.relay.MAX_REQUEST_BYTES", 4 * MAX_REQUEST_BYTES)
        size = MAX_REQUEST_BYTES + 1
    await put(relayed, row("a", b"1"), row("a", b"x" * size), row("a", b"3"), row("b", b"4"))
    async with relay(relayed):
        await until_left(relayed, 2)
        for number in range(20):
            await put(relayed, row(f"c{number}", b"5"))
        await until_left(relayed, 2, seconds=5)
        await asyncio.sleep(2.5)  # long enough for a hot loop to show itself
        records = await published(relayed)
        assert payloads(records, "a") in ([b"1"], [b"1", b"3"]), "behind the stuck row nothing is sent twice"
        assert payloads(records, "b") == [b"4"]
        assert len(records) <= 23
        await relayed.running.pool.execute("DELETE FROM outbox WHERE octet_length(payload) > 1000")
        await until_left(relayed, 0)
    assert payloads(await published(relayed), "a")[-1] == b"3"


async def test_of_two_relays_one_is_elected_and_the_other_takes_over(relayed: Ledger) -> None:
    async def holders() -> int:
        count: int = await relayed.running.pool.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted", 0x72656C61
        )
        return count

    async def one() -> bool:
        return await holders() == 1

    first = asyncio.create_task(Relay("earning", relayed.running.settings).run())
    await eventually("elected relay", one)
    async with relay(relayed):
        await put(relayed, *(row("k", str(number).encode()) for number in range(200)))
        await until_left(relayed, 0)
        assert await holders() == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await put(relayed, *(row("k", str(number).encode()) for number in range(200, 300)))
        await until_left(relayed, 0)
        assert await holders() == 1
    assert payloads(await published(relayed), "k") == [str(number).encode() for number in range(300)]


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"\xff\x00k", bytes(range(256))), (None, b"{"), (b"k", None), (None, None), (b"", b"")],
    ids=["any bytes", "no key", "no value", "neither", "empty"],
)
async def test_a_dead_letter_keeps_its_bytes_and_appears_in_its_topic(
    relayed: Ledger, key: bytes | None, value: bytes | None
) -> None:
    headers = (("trace", bytes(range(256))), ("\u4e2d\x00", b""), ("nothing", None))
    epoch = await relayed.claim()
    await relayed.run(epoch).post(batch(raw(key, value, headers=headers)))
    letter = await relayed.running.pool.fetchrow("SELECT * FROM dead_letter")
    assert letter is not None
    assert (letter["record_key"], letter["record_value"]) == (key, value)
    assert (letter["topic"], letter["partition"], letter["record_offset"]) == ("members.profiles.v1", 0, 0)
    async with relay(relayed):
        await until_left(relayed, 0)
    (record,) = await published(relayed, "members.profiles.v1.earning.dlq")
    assert record.key == key
    assert (record.value or None) == (value or None)
    told = dict(record.headers)
    assert {name: told[name] for name, _ in headers} == dict(headers)
    assert told["greenpoints-error-code"] == letter["code"].encode()
    assert told["greenpoints-original-topic"] == b"members.profiles.v1"
    assert told["greenpoints-original-offset"] == b"0"
    assert told["greenpoints-group"] == b"earning"


@pytest.mark.parametrize(
    ("key", "value", "header", "left_out"),
    [(b"k", 3_000_000, 10, b"value"), (None, 3_000_000, 10, b"value"), (b"k", 10, 3_000_000, b"value, key, headers")],
    ids=["value", "no key", "header"],
)
async def test_a_dead_letter_that_unpacked_to_too_much_holds_back_no_other(
    relayed: Ledger, key: bytes | None, value: int, header: int, left_out: bytes
) -> None:
    """Of a compressed record, the topic's limit counts what was sent; the letter goes without what does not fit."""
    epoch = await relayed.claim()
    large = raw(key, b"{" * value, headers=(("trace", b"x" * header),))
    await relayed.run(epoch).post(batch(large, raw(key, b"[")))
    assert await relayed.running.pool.fetchval("SELECT max(octet_length(record_value)) FROM dead_letter") == value
    async with relay(relayed):
        await until_left(relayed, 0)
    shown = {
        record.value: dict(record.headers) for record in await published(relayed, "members.profiles.v1.earning.dlq")
    }
    assert shown.keys() == {b"", b"["}
    assert shown[b""]["greenpoints-left-out"] == left_out
    assert shown[b""]["greenpoints-original-offset"] == b"0", "by which the table has it whole"
    assert "greenpoints-left-out" not in shown[b"["]


async def test_of_a_batch_that_unpacked_to_too_much_each_letter_keeps_its_beginning(
    relayed: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement takes a gigabyte; here a batch's letters may have a megabyte together."""
    monkeypatch.setattr("shared.runtime.dead_letter_record._LETTERS_BYTES", 1_000_000)
    epoch = await relayed.claim()
    large = [raw(b"k", b"{" * 300_000), raw(b"k", b"[", headers=(("trace", b"x" * 400_000),)), raw(b"k" * 300_000, b"")]
    await relayed.run(epoch).post(batch(*large, raw(b"k", b"[" * 5_000)))
    letters = await relayed.running.pool.fetch("SELECT * FROM dead_letter ORDER BY record_offset")
    sizes = [(len(letter["record_key"]), len(letter["record_value"])) for letter in letters]
    assert sizes == [(1, 250_000), (1, 1), (250_000, 0), (1, 5_000)]
    cut = [
        [value for name, value in unpack_headers(letter["headers"]) if name == LEFT_OUT_HEADER] for letter in letters
    ]
    assert cut == [[b"value"], [b"headers"], [b"key"], []]
    async with relay(relayed):
        await until_left(relayed, 0)
    shown = await published(relayed, "members.profiles.v1.earning.dlq")
    assert sorted((len(letter.key or b""), len(letter.value or b"")) for letter in shown) == [
        (0, 0),
        (0, 0),
        (1, 0),
        (1, 5_000),
    ]
