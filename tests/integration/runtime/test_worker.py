"""The consumer of a process, with real Kafka: what breaks in the client does not end the worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from shared.runtime.batch import Desk
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.service import Running
from shared.runtime.worker import Worker
from tests.infrastructure.services import eventually, producer
from tests.integration.runtime.harness import TOPIC, Ledger, record


@asynccontextmanager
async def working(
    ledger: Ledger, kafka: str, name: str, *topics: str
) -> AsyncIterator[tuple[Worker[Desk], "asyncio.Task[None]"]]:
    """A worker with a group of its own, at work."""
    service = replace(ledger.service, name=name, topics=topics or ledger.service.topics)
    settings = ledger.running.settings.model_copy(update={"kafka": kafka, "session_milliseconds": 6000})
    running: Running = replace(ledger.running, settings=settings)
    feed = ProgramFeed(running, None)
    await feed.start()
    worker = Worker(service, running, feed)
    task = asyncio.create_task(worker.run())
    try:
        yield worker, task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await feed.stop()


@pytest.mark.parametrize(
    "breaks", [RuntimeError("unable to perform operation; the handler is closed"), ValueError("whatever")]
)
@pytest.mark.parametrize("farewell", ["in peace", "cancelled"])
async def test_a_broken_client_is_replaced(
    ledger: Ledger, fresh_topics: str, unique: str, breaks: Exception, farewell: str
) -> None:
    """Seen when a broker went away: the client's coordination ended for good with an error of its own.

    And its `stop` raised the cancellation of one of its tasks, which ended the worker as if it had been told to.
    """

    async def lookup(*_: object) -> Any:
        raise breaks

    async def stop() -> None:
        raise asyncio.CancelledError

    async with working(ledger, fresh_topics, f"worker-{unique}") as (worker, task), producer(fresh_topics) as till:

        async def send(event_id: str) -> None:
            told = record(event_id)
            await till.send_and_wait(TOPIC, told.value, key=told.key, headers=list(told.headers))

        async def applied(events: int) -> None:
            async def there() -> bool:
                assert not task.done()
                return await ledger.count("inbox") == events

            await eventually(f"inbox of {events}", there, seconds=30)

        await send("first")
        await applied(1)
        coordinator: Any = worker._consumer._coordinator
        coordinator._client.coordinator_lookup = lookup
        if farewell == "cancelled":
            worker._consumer.stop = stop
        coordinator.coordinator_dead()
        await send("second")
        await applied(2)
        assert worker._consumer._coordinator is not coordinator


async def test_only_the_books_say_where_to_go_on(ledger: Ledger, fresh_topics: str, unique: str) -> None:
    """Whatever the group has committed in Kafka: it may run ahead of the books by all that a worker had in hand."""
    name = f"worker-{unique}"

    async def send(event_id: str) -> TopicPartition:
        async with producer(fresh_topics) as till:
            told = record(event_id)
            sent = await till.send_and_wait(TOPIC, told.value, key=told.key, headers=list(told.headers))
        return TopicPartition(TOPIC, sent.partition)

    async def applied(events: int) -> None:
        async def there() -> bool:
            return await ledger.count("inbox") == events

        await eventually(f"inbox of {events}", there, seconds=30)

    async with working(ledger, fresh_topics, name):
        await send("first")
        await applied(1)
    await _commit(fresh_topics, name, await send("second"), 2)
    async with working(ledger, fresh_topics, name):
        await send("third")
        await applied(3)


async def _commit(kafka: str, group: str, place: TopicPartition, offset: int) -> None:
    """In the group's name, as soon as it has no member any more."""
    other = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await other.start()
    try:
        other.assign([place])

        async def committed() -> bool:
            with contextlib.suppress(CommitFailedError):
                await other.commit({place: offset})
            return bool(await other.committed(place) == offset)

        await eventually(f"offset {offset} of {place}", committed, seconds=30)
    finally:
        await other.stop()


async def test_a_release_with_another_input_topic_starts_at_once_after_the_old_one(
    ledger: Ledger, fresh_topics: str, unique: str
) -> None:
    """The broker still holds the old release's member, and answers with its old topics until that session ends."""
    name = f"worker-{unique}"

    async def sent_and_applied(task: "asyncio.Task[None]", event_id: str, events: int) -> None:
        async def there() -> bool:
            if task.done():
                task.result()
            return await ledger.count("inbox") == events

        async with producer(fresh_topics) as till:
            told = record(event_id)
            await till.send_and_wait(TOPIC, told.value, key=told.key, headers=list(told.headers))
        await eventually(f"inbox of {events}", there, seconds=40)

    async with working(ledger, fresh_topics, name, TOPIC) as (_, task):
        await sent_and_applied(task, "before", 1)
    async with working(ledger, fresh_topics, name, TOPIC, "members.tiers.v1") as (_, task):
        await sent_and_applied(task, "after", 2)
