"""Reading through rebalances, one upon the other: every record is handled, and none is committed before it is."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from faust.types import TP, EventT, StreamT

from services.fraud_monitoring.faust_app import FraudApp, all_tables
from shared.runtime.settings import Settings
from tests.infrastructure.services import eventually, producer

NAME, TOPIC, PARTITIONS = "fraud_monitoring", "pos.purchases.v1", 8
ROUNDS = 5


@dataclass
class Worker:
    """Handles what it reads late and in order, as the flusher does, and notes what it handled."""

    app: FraudApp
    handled: dict[TP, set[int]] = field(default_factory=lambda: defaultdict(set))
    waiting: list[EventT[bytes]] = field(default_factory=list)

    async def read(self, stream: StreamT[bytes]) -> None:
        stream.enable_acks = False
        async for event in stream.events():
            self.waiting.append(event)

    async def acknowledge(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            done, self.waiting = self.waiting, []
            for event in done:
                self.handled[event.message.tp].add(event.message.offset)
                event.ack()

    async def rebalance(self) -> None:
        """As after an outage of its coordinator: it leaves its generation and joins the next."""
        kafka: Any = self.app.consumer
        consumer = kafka._thread._ensure_consumer()
        kafka._thread.thread_loop.call_soon_threadsafe(consumer._coordinator.request_rejoin)


async def _until_left(kafka: str) -> None:
    """Kafka gives the place of a worker that is gone, and its topics, to the next test's worker of that name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()

    async def is_left() -> bool:
        try:
            (answer,) = await admin.describe_consumer_groups([NAME])
        except GroupCoordinatorNotAvailableError:  # a new broker's first group
            return False
        ((_, _, state, *_),) = answer.groups
        return state in ("Empty", "Dead")

    try:
        await eventually("end of the group's earlier members", is_left)
    finally:
        await admin.close()


@asynccontextmanager
async def running(kafka: str, store: Path) -> AsyncIterator[Worker]:
    await _until_left(kafka)
    settings = Settings(kafka=kafka, database="unused", environment="test", session_milliseconds=6000)
    app = FraudApp(NAME, settings, store)
    all_tables(app)
    worker = Worker(app)
    app.agent(app.topic(TOPIC, key_type=bytes, value_type=bytes, allow_empty=True), name="reads")(worker.read)
    await app.start()
    acknowledging = asyncio.create_task(worker.acknowledge())
    try:
        yield worker
    finally:
        acknowledging.cancel()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.wait_for(app.stop(), 20)
        await _until_left(kafka)


async def _committed(kafka: str) -> dict[TP, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=NAME, enable_auto_commit=False)
    await consumer.start()
    try:
        return {
            TP(TOPIC, number): await consumer.committed(TopicPartition(TOPIC, number)) or 0
            for number in range(PARTITIONS)
        }
    finally:
        await consumer.stop()


async def test_rebalances_one_upon_the_other_lose_nothing(fresh_topics: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - a repeatable course
    sent: dict[TP, int] = defaultdict(int)
    async with producer(fresh_topics) as till, running(fresh_topics, tmp_path) as worker:

        async def say(count: int) -> None:
            for _ in range(count):
                number = chance.randrange(PARTITIONS)
                await till.send(TOPIC, b"{}", key=b"k", partition=number)
                sent[TP(TOPIC, number)] += 1
            await till.flush()

        async def all_committed() -> bool:
            done = await _committed(fresh_topics)
            for place, offset in done.items():
                missed = set(range(offset)) - worker.handled[place]
                assert not missed, f"{place.topic}/{place.partition}: committed to {offset}, never handled: {missed}"
            return done == {TP(TOPIC, number): sent[TP(TOPIC, number)] for number in range(PARTITIONS)}

        async def keep_saying() -> None:
            while True:
                await say(20)
                await asyncio.sleep(0.005)

        saying = asyncio.create_task(keep_saying())
        for _ in range(ROUNDS):
            await asyncio.sleep(chance.random() * 1.2)
            for _ in range(chance.randrange(1, 5)):  # also amid the recovery that follows the one before
                await worker.rebalance()
                await asyncio.sleep(chance.random() * 0.4)
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        await say(PARTITIONS * 20)
        await eventually("end of what was sent", all_committed, seconds=60, pause=0.5)
