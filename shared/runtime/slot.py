"""One partition number at work: claim, read, decide, save, one batch after the other.

Reading and decoding the next batch goes on while the database works on the present one.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime import crash_points, gate, telemetry
from shared.runtime.batch import Batch, Delivered, DeskT
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.gate import GateShutError
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.read_again import read_again
from shared.runtime.readable_records import UnreadableHeaderError
from shared.runtime.reading import Reading
from shared.runtime.service import Running, Service

log = structlog.get_logger()

_LONGEST_PAUSE = 10.0
_POSTING_SLOTS = 3
_COMMIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Turns:
    """What the slots of one process do a few at a time: the others gather more meanwhile, for larger batches."""

    decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    posting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_POSTING_SLOTS))


class Slot(Generic[DeskT]):
    """The owner of partition number `partition` of every input topic, while it holds the epoch."""

    def __init__(
        self,
        service: Service[DeskT],
        running: Running,
        consumer: AIOKafkaConsumer,
        feed: ProgramFeed,
        partition: int,
        turns: "Turns",
    ) -> None:
        self.partition = partition
        self._service = service
        self._running = running
        self._consumer = consumer
        self._feed = feed
        self._stopping = asyncio.Event()
        self._owner = f"{service.name}-{running.settings.ordinal}"
        settings = running.settings
        self._limit = DeadLetterLimit(settings.dead_letter_window, settings.dead_letter_percent)
        self._next: dict[str, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._places = [TopicPartition(topic, partition) for topic in service.topics]
        self._turns = turns

    def stop(self) -> None:
        """Finish the batch in hand, then leave."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped: claim and work; back off while the database is away, claim again when the gate is shut."""
        pause = 0.1
        while not self._stopping.is_set():
            try:
                epoch = await self._claim()
                await read_again(self._service, self._running, self.partition, epoch, self._stopping)
                pause = 0.1
                await self._work(epoch)
            except GateShutError:
                log.warning("gate shut, claiming again", partition=self.partition)
                await self._rest(0.5)
            except UnreadableHeaderError as error:
                log.warning("header name not UTF-8, reading again", partition=self.partition, error=str(error))
                await self._rest(0.1)
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning("Kafka away, keeping the partition", partition=self.partition, error=error)
                await self._rest(pause)
            except DATABASE_AWAY as error:
                telemetry.DATABASE_AWAY.labels(self._service.name).inc()
                log.warning("database away, keeping the partition", partition=self.partition, error=error)
                await self._rest(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _claim(self) -> int:
        """Raise the epoch, then seek every topic to the offset the books name."""
        async with self._running.pool.acquire() as connection:
            epoch = await gate.claim(connection, self.partition, self._owner)
            known = await gate.next_offsets(connection, self.partition, self._service.topics)
            new = [place for place in self._places if place.topic not in known]
            if new:
                beginnings = await self._consumer.beginning_offsets(new)
                await gate.begin_offsets(
                    connection, self.partition, {place.topic: offset for place, offset in beginnings.items()}
                )
                known = await gate.next_offsets(connection, self.partition, self._service.topics)
        for place in self._places:
            self._consumer.seek(place, known[place.topic])
        self._consumer.resume(*self._places)
        self._next = known
        log.info("partition claimed", partition=self.partition, epoch=epoch)
        return epoch

    async def _work(self, epoch: int) -> None:
        """Post batch after batch; the next one is read and decoded meanwhile."""
        run = BatchRun(self._service, self._running, epoch, self._limit)
        stopping = asyncio.create_task(self._stopping.wait())

        async def done(part: "asyncio.Future[Any]") -> bool:
            """Not `await part` alone: while a rebalance waits for this slot, a read waits for the rebalance."""
            await asyncio.wait({part, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return part.done()

        reading = self._reading()
        try:
            while await done(reading.some):
                async with self._turns.posting:  # who waits here reads on
                    reading.want()
                    if not await done(reading.batch):
                        return
                    delivered = reading.batch.result()
                    reading = self._reading()
                    await self._feed.wait_until_fresh()
                    for records in delivered:
                        if self._stopping.is_set():
                            return
                        await self._post(run, records)
        finally:
            stopping.cancel()
            await asyncio.gather(stopping, reading.end(), return_exceptions=True)

    def _reading(self) -> Reading:
        return Reading(self._consumer, self._places, self._running.settings, self._turns.decoding)

    async def _post(self, run: BatchRun[DeskT], records: Sequence[Delivered]) -> None:
        topic, last = records[0].topic, records[-1].offset
        if self._name_unknown_program(records):
            await self._feed.read_to_end()
        batch = Batch(topic, self.partition, self._next[topic], last + 1, records)
        with telemetry.BATCH_SECONDS.labels(self._service.name).time():
            await run.post(batch)
        self._next[topic] = batch.to_offset
        crash_points.reach("before_kafka_commit")
        self._commit_soon(TopicPartition(topic, self.partition), batch.to_offset)

    def _name_unknown_program(self, records: Sequence[Delivered]) -> bool:
        """Such a program may have been published a moment ago; only its handler decides that it was not."""
        named = {getattr(each.event.data, "program_id", None) for each in records if each.event is not None}
        return any(program_id is not None and not self._running.programs.knows(program_id) for program_id in named)

    def _commit_soon(self, place: TopicPartition, offset: int) -> None:
        """Kafka's copy of the offsets serves lag tools only, so it may be late; the books hold the true ones."""
        if not self._uncommitted:
            task = asyncio.create_task(self._commit())
            _commits.add(task)
            task.add_done_callback(_commits.discard)
        self._uncommitted[place] = offset

    async def _commit(self) -> None:
        await self._rest(_COMMIT_SECONDS)
        offsets, self._uncommitted = self._uncommitted, {}
        try:
            await self._consumer.commit(offsets)
        except Exception as error:
            log.debug("offsets not told to Kafka", partition=self.partition, error=error)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


_commits: set[asyncio.Task[None]] = set()
