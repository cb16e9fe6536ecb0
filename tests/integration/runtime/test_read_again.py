"""Reading again through a real Kafka: backwards, only what was applied, to the end, whoever is killed meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.runtime import gate, read_again
from shared.runtime.batch import Batch, Delivered
from shared.runtime.gate import GateShutError
from shared.runtime.postgres import Connection
from shared.runtime.readable_records import UnreadableHeaderError
from shared.runtime.service import Running
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import producer
from tests.integration.runtime.harness import TOPIC, Ledger, batch, record, started

EFFECTS = "earning.effects.v1"
_MARK = "INSERT INTO read_again (topic, partition) SELECT topic, partition FROM partition_offset"


@dataclass(slots=True)
class Reader:
    """A service that keeps the ids of what it is handed, in a table, within the transaction it is given."""

    ledger: Ledger
    kafka: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stops_after: int = 1_000_000
    breaks_after: int = 1_000_000
    steps: int = 0

    async def recall(self, connection: Connection, _running: Running, delivered: Sequence[Delivered]) -> None:
        self.steps += 1
        ids = [each.required_event.id for each in delivered]
        await connection.execute("INSERT INTO heard (id) SELECT unnest($1::text[])", ids)
        if self.steps == self.stops_after:
            self.stopping.set()
        if self.steps == self.breaks_after:
            raise ConnectionResetError("the database went away")

    async def read(self, epoch: int) -> None:
        service = replace(self.ledger.service, on_read_again=self.recall)
        await read_again.read_again(service, self.ledger.running, 0, epoch, self.stopping)

    async def heard(self) -> list[str]:
        return [row["id"] for row in await self.ledger.running.pool.fetch("SELECT id FROM heard ORDER BY place")]

    async def send(self, topic: str, *sent: Delivered) -> list[int]:
        """Publish to partition 0; the offsets."""
        async with producer(self.kafka) as sender:
            return await self._send(sender, topic, sent)

    async def abort(self, topic: str, *sent: Delivered) -> None:
        """Publish in a transaction that is aborted, which leaves its records and a marker."""
        sender = AIOKafkaProducer(bootstrap_servers=self.kafka, transactional_id="aborted")
        await sender.start()
        try:
            await sender.begin_transaction()
            await self._send(sender, topic, sent)
            await sender.abort_transaction()
        finally:
            await sender.stop()

    async def _send(self, sender: AIOKafkaProducer, topic: str, sent: Sequence[Delivered]) -> list[int]:
        headers = list(STRUCTURED_HEADERS)
        said = [await sender.send_and_wait(topic, each.value, each.key, 0, headers=headers) for each in sent]
        return [place.offset for place in said]


@pytest_asyncio.fixture(loop_scope="session")
async def reader(fresh_topics: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reader]:
    monkeypatch.setattr(read_again, "RECORDS_AT_ONCE", 3)
    async with started(database.dsns["earning"], fresh_topics) as ledger:
        await ledger.running.pool.execute(
            "CREATE TABLE heard (place bigint GENERATED ALWAYS AS IDENTITY, id text PRIMARY KEY)"
        )
        yield Reader(ledger, fresh_topics)


def named(prefix: str, count: int) -> list[Delivered]:
    return [record(f"{prefix}-{number}", member=f"m-{number}") for number in range(count)]


async def handled(reader: Reader, *records: Delivered, topic: str = TOPIC) -> int:
    """Publish, and post to the books as one batch, with what lies before and between them as gaps; the epoch."""
    offsets = await reader.send(topic, *records)
    epoch = await reader.ledger.claim(0, TOPIC, EFFECTS)
    first = (await reader.ledger.offsets(topic))["next_offset"]
    placed = [
        batch(each, start=offset, topic=topic).delivered[0] for each, offset in zip(records, offsets, strict=True)
    ]
    await reader.ledger.run(epoch).post(Batch(topic, 0, first, offsets[-1] + 1, placed))
    return epoch


async def test_what_was_applied_comes_latest_first_and_once(reader: Reader) -> None:
    epoch = await handled(reader, *named("p", 8))
    before = await reader.ledger.offsets()
    await reader.ledger.running.pool.execute(_MARK)
    await reader.read(epoch)
    assert await reader.heard() == [f"p-{number}" for number in reversed(range(8))]
    assert await reader.ledger.count("read_again") == 0
    assert await reader.ledger.offsets() == before
    assert await reader.ledger.count("outbox") == 8, "nothing is told again"
    await reader.read(epoch)
    assert reader.steps == 3


async def test_two_topics_are_one_story_by_kafkas_time(reader: Reader) -> None:
    await handled(reader, *named("p", 2))
    await asyncio.sleep(0.02)  # Kafka's clock has moved on
    await handled(reader, *named("e", 4), topic=EFFECTS)
    await asyncio.sleep(0.02)
    epoch = await handled(reader, *named("q", 5))
    await reader.ledger.running.pool.execute(_MARK)
    await reader.read(epoch)
    expected = [*named("p", 2), *named("e", 4), *named("q", 5)]
    assert await reader.heard() == [each.required_event.id for each in reversed(expected)]


async def test_a_header_name_that_cannot_be_read_is_read_in_the_next_turn(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = await handled(reader, *named("p", 4))
    await reader.ledger.running.pool.execute(_MARK)
    getmany = AIOKafkaConsumer.getmany

    async def unreadable(*_: Any, **__: Any) -> Any:
        b"\xff".decode()

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", unreadable)
    with pytest.raises(UnreadableHeaderError):
        await reader.read(epoch)
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)
    await reader.read(epoch)
    assert await reader.heard() == [f"p-{number}" for number in reversed(range(4))]


async def test_what_was_not_applied_there_does_not_count(reader: Reader) -> None:
    """A repeat lies elsewhere, an aborted record was never said, and what is new is handled later."""
    await reader.abort(TOPIC, *named("aborted", 2))
    p = named("p", 3)
    epoch = await handled(reader, p[0], p[1], p[0], p[2])
    await reader.send(TOPIC, *named("new", 4))
    await reader.ledger.running.pool.execute(_MARK)
    await reader.read(epoch)
    assert await reader.heard() == ["p-2", "p-1", "p-0"]


async def test_stopped_or_broken_it_goes_on_where_it_was(reader: Reader) -> None:
    epoch = await handled(reader, *named("p", 10))
    await reader.ledger.running.pool.execute(_MARK)
    reader.stops_after = 1
    await reader.read(epoch)
    stopped = await reader.heard()
    assert 0 < len(stopped) < 10
    reader.stopping.clear()
    reader.breaks_after = 3
    with pytest.raises(ConnectionResetError):
        await reader.read(epoch)
    epoch = await reader.ledger.claim(0, TOPIC)
    await reader.read(epoch)
    assert await reader.heard() == [f"p-{number}" for number in reversed(range(10))], "the key keeps it to once each"


async def test_who_lost_the_partition_writes_nothing(reader: Reader) -> None:
    epoch = await handled(reader, *named("p", 4))
    await reader.ledger.running.pool.execute(_MARK)
    async with reader.ledger.running.pool.acquire() as connection:
        await gate.claim(connection, 0, "another")
    with pytest.raises(GateShutError):
        await reader.read(epoch)
    assert await reader.heard() == []
    assert await reader.ledger.count("read_again") == 2


async def test_nothing_is_asked_of_kafka_where_nothing_is_marked(reader: Reader) -> None:
    reader.ledger.running.settings.kafka = "nowhere:1"
    async with asyncio.timeout(timedelta(seconds=5).total_seconds()):
        await reader.read(await reader.ledger.claim())
    assert reader.steps == 0
