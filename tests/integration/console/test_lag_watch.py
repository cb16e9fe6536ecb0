"""The lag watch on a real Kafka: what groups commit, what they leave, and Kafka away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local import ports
from services.console.readings.lag import Badge, LagReading, PlaceLag
from services.console.readings.lag_watch import LagWatch, declared_groups
from tests.infrastructure.services import producer

TOPIC = "members.tiers.v1"


@asynccontextmanager
async def watching(kafka: str, group: str) -> AsyncIterator[LagWatch]:
    watch = LagWatch(kafka, {group: (TOPIC,)})
    await watch.start()
    try:
        yield watch
    finally:
        await watch.stop()


async def until(watch: LagWatch, what: str, holds: Callable[[LagReading], bool], seconds: float = 20) -> LagReading:
    """The first reading for which `holds` is true."""
    reading = None
    try:
        async with asyncio.timeout(seconds):
            reading = await watch.next()
            while not reading.places or not holds(reading):
                reading = await watch.next(reading.number)
    except TimeoutError:
        raise AssertionError(f"Never {what}: {reading}") from None
    return reading


async def publish(kafka: str, partition: int, count: int) -> None:
    async with producer(kafka) as sender:
        for _ in range(count):
            await sender.send_and_wait(TOPIC, b"{}", key=b"k", partition=partition)


async def commit(kafka: str, group: str, partition: int, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(TOPIC, partition)])
    await consumer.commit({TopicPartition(TOPIC, partition): offset})
    await consumer.stop()


def place(reading: LagReading, partition: int) -> PlaceLag:
    return next(each for each in reading.places if each.partition == partition)


async def test_lag_in_messages_and_seconds_follows_what_is_published_and_committed(
    fresh_topics: str, unique: str
) -> None:
    await publish(fresh_topics, 3, 4)
    before = datetime.now(UTC)
    await asyncio.sleep(1.1)  # the records grow older than a second
    async with watching(fresh_topics, unique) as watch:
        reading = await until(watch, "old records dated", lambda r: (place(r, 3).lag_seconds or 0) >= 1)
        assert (place(reading, 3).lag, place(reading, 3).committed, place(reading, 3).end) == (4, None, 4)
        assert place(reading, 3).lag_seconds in {
            int((reading.at - before).total_seconds()) + extra for extra in (0, 1)
        }, "their age is Kafka's time of the record, though the watch began later"
        assert (place(reading, 0).lag, place(reading, 0).badge) == (0, Badge.OK)
        assert place(reading, 0).consumed_per_second == 0, "an empty log is known to be read at no rate"
        assert place(reading, 3).consumed_per_second is None, "what was never committed is not known"
        assert reading.members == {unique: 0}

        await commit(fresh_topics, unique, 3, 3)
        reading = await until(watch, "commit seen", lambda r: place(r, 3).committed == 3)
        assert place(reading, 3).lag == 1
        await commit(fresh_topics, unique, 3, 4)
        reading = await until(watch, "caught up", lambda r: place(r, 3).lag == 0)
        last_commit = place(reading, 3).last_commit_at
        assert place(reading, 3).lag_seconds == 0
        assert last_commit is not None
        assert reading.at - last_commit < timedelta(seconds=5)

        published = datetime.now(UTC)
        await publish(fresh_topics, 3, 2)
        reading = await until(watch, "new records", lambda r: place(r, 3).lag == 2)
        assert reading.at - published < timedelta(seconds=2), "a stopped consumer shows within 2 s"
        assert (reading.group(unique).lag, reading.topics[TOPIC].end) == (2, 6)
        assert place(reading, 3).trend[-1] == 2
        reading = await until(watch, "dated by the watch itself", lambda r: (place(r, 3).lag_seconds or 0) >= 1)
        reading = await until(watch, "badge", lambda r: place(r, 3).badge is Badge.STOPPED)
        assert reading.group(unique).badge is Badge.STOPPED

        await commit(fresh_topics, unique, 3, 1)
        await until(watch, "rewind seen", lambda r: place(r, 3).badge is Badge.REWIND)


async def test_a_member_that_stands_still_is_stalled(fresh_topics: str, unique: str) -> None:
    await publish(fresh_topics, 1, 1)
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=fresh_topics, group_id=unique, enable_auto_commit=False)
    await consumer.start()
    try:
        async with watching(fresh_topics, unique) as watch:
            reading = await until(watch, "stalled", lambda r: place(r, 1).badge is Badge.STALLED)
            assert reading.group(unique).members == 1
    finally:
        await consumer.stop()


async def test_kafka_away_is_a_sentence_and_the_figures_stay() -> None:
    nowhere = f"127.0.0.1:{ports.free_port()}"
    async with watching(nowhere, "anybody") as watch:
        reading = await asyncio.wait_for(watch.next(), 10)
        assert reading.error is not None and nowhere in reading.error
        assert reading.places == ()
        again = await asyncio.wait_for(watch.next(reading.number), 10)
        assert again.number > reading.number, "it keeps trying"


def test_the_groups_are_the_declared_consumers() -> None:
    groups = declared_groups()
    assert "pos.purchases.v1" in groups["earning"]
    assert "points.grants.v1" in groups["redemption"]
    assert all("programs.versions.v1" not in topics for topics in groups.values()), "read outside every group"
