"""The tail on a real Kafka: nothing is lost over pauses, filters and bursts, and what is left out is counted."""

from collections.abc import AsyncIterator

import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.console.readings.tail import Cursor, Line, Logs, Tail, Wanted, begin_near_the_end, jump_to_the_end
from tests.infrastructure.services import producer

TOPICS = ("members.tiers.v1", "fraud.signals.v1")


@pytest_asyncio.fixture(loop_scope="session")
async def tail(fresh_topics: str) -> AsyncIterator[Tail]:
    reader = Tail(fresh_topics)
    yield reader
    await reader.close()


async def logs_of(kafka: str) -> Logs:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for topic in TOPICS for number in range(8)])
    finally:
        await consumer.stop()
    return {(place.topic, place.partition): (0, end) for place, end in ends.items()}


async def publish(kafka: str, count: int, word: str) -> None:
    async with producer(kafka) as sender:
        for number in range(count):
            topic = TOPICS[number % 2]
            headers = [("ce_id", f"{word}-{number}".encode()), ("ce_type", word.encode())]
            await sender.send(topic, b"{}", key=b"p/%d" % number, headers=headers)
        await sender.flush()


async def drained(
    tail: Tail, kafka: str, cursor: Cursor, contains: str = "", most: int = 20
) -> tuple[Cursor, list[Line]]:
    """Read on until nothing is left, as a browser does."""
    lines: list[Line] = []
    logs = await logs_of(kafka)
    for _ in range(200):
        read = await tail.read(cursor, logs, TOPICS, Wanted(contains), most)
        assert len(read.lines) <= most and read.skipped == 0
        cursor, lines = read.cursor, lines + read.lines
        if read.behind == 0:
            return cursor, lines
    raise AssertionError(f"The tail does not come to the end: {cursor} of {logs}.")


async def test_every_record_is_shown_once_over_a_pause_and_a_burst(tail: Tail, fresh_topics: str) -> None:
    cursor = begin_near_the_end(await logs_of(fresh_topics), TOPICS)
    await publish(fresh_topics, 30, "before")
    cursor, first = await drained(tail, fresh_topics, cursor)
    await publish(fresh_topics, 500, "paused")  # nobody reads meanwhile
    cursor, second = await drained(tail, fresh_topics, cursor)
    assert sorted(line.event_id or "" for line in first) == sorted(f"before-{number}" for number in range(30))
    assert sorted(line.event_id or "" for line in second) == sorted(f"paused-{number}" for number in range(500))
    assert {line.topic for line in second} == set(TOPICS)


async def test_a_filter_reads_on_and_shows_only_what_matches(tail: Tail, fresh_topics: str) -> None:
    cursor = begin_near_the_end(await logs_of(fresh_topics), TOPICS)
    await publish(fresh_topics, 60, "noise")
    await publish(fresh_topics, 3, "Signal")
    after, lines = await drained(tail, fresh_topics, cursor, contains="SIGNAL-", most=2)
    assert sorted(line.event_id or "" for line in lines) == ["Signal-0", "Signal-1", "Signal-2"]
    assert sum(after.values()) - sum(cursor.values()) == 63, "the others were read and passed over"


async def test_jumping_to_the_end_counts_what_is_left_out(tail: Tail, fresh_topics: str) -> None:
    cursor = begin_near_the_end(await logs_of(fresh_topics), TOPICS)
    await publish(fresh_topics, 40, "many")
    jumped = jump_to_the_end(cursor, await logs_of(fresh_topics), TOPICS)
    assert jumped.skipped == 40
    read = await tail.read(jumped.cursor, await logs_of(fresh_topics), TOPICS, Wanted(), 100)
    assert (read.lines, read.behind) == ([], 0)


async def test_asking_for_nothing_only_counts(tail: Tail, fresh_topics: str) -> None:
    cursor = begin_near_the_end(await logs_of(fresh_topics), TOPICS)
    await publish(fresh_topics, 5, "more")
    read = await tail.read(cursor, await logs_of(fresh_topics), TOPICS, Wanted(), 0)
    assert (read.behind, read.lines, read.cursor) == (5, [], cursor), "a paused tail stands still"
