"""The consumer of one service process: which partition numbers it owns, and a slot at work for each."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from typing import Generic

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError, OffsetOutOfRangeError

from shared.events.topics import load_topics
from shared.runtime import readable_records
from shared.runtime.batch import DeskT
from shared.runtime.fetch_pace import pace
from shared.runtime.kafka_client import end_client
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.service import Running, Service
from shared.runtime.slot import Slot, Turns

log = structlog.get_logger()


class WorkerStoppedError(Exception):
    """The worker refuses to go on; the sentence says why and what to do."""


class _OtherNumbersError(WorkerStoppedError):
    """The assignment does not hold the same partition numbers of every topic."""


def _is_the_clients(error: Exception) -> bool:
    """A named Kafka error says what is wrong; these only that the client broke, as it may when its broker goes away."""
    return type(error) is KafkaError or "the handler is closed" in str(error)


class Worker(ConsumerRebalanceListener, Generic[DeskT]):  # type: ignore[misc]
    """Runs until cancelled, or until something that no retry mends."""

    def __init__(self, service: Service[DeskT], running: Running, feed: ProgramFeed) -> None:
        self._service = service
        self._running = running
        self._feed = feed
        self._slots: dict[int, tuple[Slot[DeskT], asyncio.Task[None]]] = {}
        self._turns = Turns()
        readable_records.install()  # a slot that meets a header name that is not UTF-8 switches it on
        self._begin()

    def _begin(self) -> None:
        """A client of its own for each beginning."""
        settings = self._running.settings
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka,
            group_id=self._service.name,
            group_instance_id=f"{self._service.name}-{settings.ordinal}",
            partition_assignment_strategy=(RangePartitionAssignor,),
            enable_auto_commit=False,
            isolation_level="read_committed",  # an aborted transaction of a till was never said
            auto_offset_reset="none",
            session_timeout_ms=settings.session_milliseconds,
            heartbeat_interval_ms=max(settings.session_milliseconds // 5, 500),
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=20,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )

    @property
    def partitions(self) -> list[int]:
        """The partition numbers at work now."""
        return sorted(self._slots)

    async def run(self) -> None:
        """Raises WorkerStoppedError with a sentence when going on would be wrong."""
        began_again = waited = False
        while True:
            try:
                await self._consume()
            except _OtherNumbersError as error:
                if waited:
                    raise
                # until its session ends, the broker answers a member that comes back with what its last release read
                log.warning("assigned as for other topics, waiting for the session's end", reason=str(error))
                waited = True
                await asyncio.sleep(self._running.settings.session_milliseconds / 1000 + 1)
                self._begin()
            except (KafkaError, RuntimeError) as error:
                if not _is_the_clients(error) and not (began_again and isinstance(error, KafkaConnectionError)):
                    raise
                log.warning("Kafka client broke, taking a new one", service=self._service.name, error=error)
                began_again = True
                await asyncio.sleep(1)
                self._begin()

    async def _consume(self) -> None:
        try:
            await self._consumer.start()
            pace(self._consumer)
            await self._refuse_other_partition_counts()
            self._consumer.subscribe(list(self._service.topics), listener=self)
            # the client's own task that keeps it in its group: when it dies, a slot may wait for it for ever
            coordination = self._consumer._coordinator._coordination_task
            await asyncio.wait({self._failed, coordination}, return_when=asyncio.FIRST_COMPLETED)
            if coordination.done():
                coordination.result()
            await self._failed
        finally:
            await self._stop_slots()
            await end_client(self._consumer)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Nothing is read before the slot has claimed its number and sought to the stored offset."""
        if not assigned:
            return
        self._consumer.pause(*assigned)
        numbers: dict[str, set[int]] = defaultdict(set)
        for place in assigned:
            numbers[place.topic].add(place.partition)
        expected = numbers[self._service.topics[0]]
        if any(numbers[topic] != expected for topic in self._service.topics):
            self._fail(
                _OtherNumbersError(
                    f"{self._service.name} was given different partition numbers of its topics ({dict(numbers)}); "
                    "stop all workers of this service, then start them on one release."
                )
            )
            return
        for partition in sorted(expected):
            slot = Slot(self._service, self._running, self._consumer, self._feed, partition, self._turns)
            task = asyncio.create_task(slot.run())
            task.add_done_callback(self._slot_ended)
            self._slots[partition] = (slot, task)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Each slot finishes the batch in hand before its partition goes to another worker."""
        await self._stop_slots()

    async def _stop_slots(self) -> None:
        for slot, _ in self._slots.values():
            slot.stop()
        _, late = (
            await asyncio.wait([task for _, task in self._slots.values()], timeout=20)
            if self._slots
            else (set(), set())
        )
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._slots.clear()

    def _slot_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, OffsetOutOfRangeError):
            error = WorkerStoppedError(
                f"{self._service.name} wants an offset that Kafka no longer has ({error}); records were removed "
                "before they were handled. Restore the topic, or rebuild this service from its topics."
            )
        self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _refuse_other_partition_counts(self) -> None:
        """The contract's partition count never changes: another count would move members between partitions."""
        contract = load_topics()
        for topic in self._service.topics:
            found = self._consumer.partitions_for_topic(topic) or await self._partitions(topic)
            if len(found) != contract[topic].partitions:
                raise WorkerStoppedError(
                    f"Topic {topic} has {len(found)} partitions, the contract says {contract[topic].partitions}; "
                    "create the topics with `greenpoints up` or restore the right count, then start again."
                )

    async def _partitions(self, topic: str) -> set[int]:
        await self._consumer._client._wait_on_metadata(topic)
        return self._consumer.partitions_for_topic(topic) or set()
