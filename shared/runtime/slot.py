"""One partition number at work: claim, read, decide, save, one batch after the other.

Reading and decoding the next batch goes on while the database works on the present one.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Generic

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime import crash_points, gate, telemetry
from shared.runtime.batch import Batch, Delivered, DeskT, read_record
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.gate import GateShutError
from shared.runtime.postgres import DATABASE_AWAY
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.readable_records import UnreadableHeaderError, switch_on
from shared.runtime.service import Running, Service

log = structlog.get_logger()

_DECODE_SLICE = 100
_LONGEST_PAUSE = 10.0


class Slot(Generic[DeskT]):
    """The owner of partition number `partition` of every input topic, while it holds the epoch."""

    def __init__(
        self,
        service: Service[DeskT],
        running: Running,
        consumer: AIOKafkaConsumer,
        feed: ProgramFeed,
        partition: int,
        turn: asyncio.Semaphore,
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
        self._places = [TopicPartition(topic, partition) for topic in service.topics]
        self._turn = turn

    def stop(self) -> None:
        """Finish the batch in hand, then leave."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped: claim and work; back off while the database is away, claim again when the gate is shut."""
        pause = 0.1
        while not self._stopping.is_set():
            try:
                epoch = await self._claim()
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
                log.warning("Kafka away, keeping the partition", partition=self.partition, error=repr(error))
                await self._rest(pause)
            except DATABASE_AWAY as error:
                telemetry.DATABASE_AWAY.labels(self._service.name).inc()
                log.warning("database away, keeping the partition", partition=self.partition, error=repr(error))
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
        upcoming = asyncio.create_task(self._read())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            # not `await upcoming` alone: while a rebalance waits for this slot, a read waits for the rebalance
            while upcoming in (await asyncio.wait({upcoming, stopping}, return_when=asyncio.FIRST_COMPLETED))[0]:
                delivered = upcoming.result()
                await self._feed.wait_until_fresh()
                upcoming = asyncio.create_task(self._read())
                for records in delivered:
                    if self._stopping.is_set():
                        return
                    await self._post(run, records)
        finally:
            for task in (upcoming, stopping):
                task.cancel()
            await asyncio.gather(upcoming, stopping, return_exceptions=True)

    async def _read(self) -> list[list[Delivered]]:
        """Whatever is there, up to a batch, in the order in which the service lists its topics."""
        settings = self._running.settings
        try:
            polled = await self._consumer.getmany(
                *self._places, timeout_ms=settings.poll_milliseconds, max_records=settings.batch_records
            )
        except UnicodeDecodeError as error:
            # the records this call had already taken are gone with it: only a new claim seeks back to them
            switch_on()
            raise UnreadableHeaderError(error.reason) from error
        if polled:
            crash_points.reach("after_poll")
        async with self._turn:  # one after the other: side by side each would be as late as the last
            batches = [await _decode(polled[place]) for place in self._places if place in polled]
        if batches:
            crash_points.reach("after_decode")
        return batches

    async def _post(self, run: BatchRun[DeskT], records: Sequence[Delivered]) -> None:
        topic, last = records[0].topic, records[-1].offset
        if any(self._is_of_unknown_program(delivered) for delivered in records):
            await self._feed.read_to_end()
        batch = Batch(topic, self.partition, self._next[topic], last + 1, records)
        with telemetry.BATCH_SECONDS.labels(self._service.name).time():
            await run.post(batch)
        self._next[topic] = batch.to_offset
        crash_points.reach("before_kafka_commit")
        self._commit_best_effort(TopicPartition(topic, self.partition), batch.to_offset)

    def _is_of_unknown_program(self, delivered: Delivered) -> bool:
        """Such a program may have been published a moment ago; only its handler decides that it was not."""
        program_id = None if delivered.event is None else getattr(delivered.event.data, "program_id", None)
        return program_id is not None and not self._running.programs.knows(program_id)

    def _commit_best_effort(self, place: TopicPartition, offset: int) -> None:
        """Kafka's copy of the offset serves lag tools only; the books hold the true one."""

        async def commit() -> None:
            try:
                await self._consumer.commit({place: offset})
            except Exception as error:
                log.debug("offset not told to Kafka", place=str(place), error=repr(error))

        task = asyncio.create_task(commit())
        _commits.add(task)
        task.add_done_callback(_commits.discard)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


_commits: set[asyncio.Task[None]] = set()


async def _decode(records: Sequence["ConsumerRecord[bytes, bytes]"]) -> list[Delivered]:
    """Decode in slices, so that replies from the database are read in between."""
    delivered: list[Delivered] = []
    for start in range(0, len(records), _DECODE_SLICE):
        delivered.extend(read_record(record) for record in records[start : start + _DECODE_SLICE])
        await asyncio.sleep(0)
    return delivered
