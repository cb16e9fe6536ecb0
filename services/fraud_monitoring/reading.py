"""How fraud monitoring reads: Faust's consumer, with its places in Kafka kept by us.

At a rebalance Faust drops what it has read, in several places and ways, and trusts that a seek puts it back. It seeks
beside fetches that are under way and not at all where nothing was committed: records were dropped for good. Here

- a fetch and a seek exclude each other, and what was fetched before its partition's last seek is never delivered;
- a partition that was revoked or assigned is delivered only after a seek of its own, to where Kafka holds it as done;
- a record counts as read before it is handed on, and offsets are committed up to the first that is not acknowledged
  (unfinished.py): whatever drops it after that, it is read again.
"""

import asyncio
import math
from collections.abc import Collection, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from mode import ServiceT

from services.fraud_monitoring.unfinished import Unfinished

log = structlog.get_logger()

_FETCH_WAIT_MILLISECONDS = 20
_FETCH_SECONDS = 0.5  # how long a seek may wait for a fetch that brings nothing
_NOTHING_TO_READ_SECONDS = 0.05
_PAUSE_SECONDS = 1.0
_AT_A_TIME = 20  # records
_SEEK_SECONDS = 30.0


class _Thread(driver.AIOKafkaConsumerThread):
    """An aborted transaction of a till was never said; Faust reads it unless it runs transactions itself.

    And a fetch waits briefly: one at a time goes to a broker, and while it waits for quiet topics (Faust: 1.5 s) new
    records of a busy one are not asked for.
    """

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MILLISECONDS
        return consumer

    async def seek_to_done(self, places: Collection[TP]) -> dict[TP, int]:
        """Seeks to what is committed or, where nothing is, to the beginning. Raises KafkaError, TimeoutError."""
        return await asyncio.wait_for(self.call_thread(self._seek_to_done, places), _SEEK_SECONDS)

    async def _seek_to_done(self, places: Collection[TP]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        names = {place: TopicPartition(*place) for place in places}
        committed = await asyncio.gather(*(consumer.committed(name) for name in names.values()))
        offsets = dict(zip(names, committed, strict=True))
        if unknown := [names[place] for place, offset in offsets.items() if offset is None]:
            first = await consumer.beginning_offsets(unknown)
            offsets.update({TP(*name): offset for name, offset in first.items()})
        for place, offset in offsets.items():
            consumer.seek(names[place], offset)
        return offsets


class Consumer(driver.Consumer):
    """See the module's own words. All but the fetch itself happens in the main loop, in one task after the other."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.unfinished = Unfinished()
        self._turn = asyncio.Lock()  # a fetch or a seek
        self._fetches = 0
        self._counts_from: dict[TP, int] = {}  # the first fetch after the partition's seek
        self._closings = 0

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._close()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._close()
        await super().on_partitions_assigned(assigned, generation_id)

    def _close(self) -> None:
        self._closings += 1
        self._counts_from.clear()
        self.unfinished.forget()

    async def go_on(self, generation: int) -> bool:
        """Lets all that is assigned be read from where it is done. False: a rebalance came between, its end does it.

        The caller lets the flow go on before it awaits anything.
        """
        closings = self._closings
        async with self._turn:
            while closings == self._closings and self.app.consumer_generation_id == generation:
                places = {place for place in self.assignment() if not self._is_changelog_tp(place)}
                try:
                    offsets = await self._own_thread.seek_to_done(places)
                except (KafkaError, TimeoutError) as error:  # also: assigned differently by now
                    log.warning("places not found yet, events wait", error=error)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                if closings != self._closings:
                    break
                self.unfinished.begin(offsets)
                self._counts_from.update(dict.fromkeys(offsets, self._fetches + 1))
                self.resume_partitions(offsets.keys())
                return True
        return False

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """What the recovery of tables seeks: changelogs."""
        closings = self._closings
        async with self._turn:
            await super().seek_wait(partitions)
            if closings == self._closings:
                self._counts_from.update(dict.fromkeys(partitions, self._fetches + 1))

    async def perform_seek(self) -> None:
        """Nothing: go_on() does it."""

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Until the fetcher stops: fetches and hands on."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type] # an event of mode's
                records, fetch = await self._fetched()
                # a rebalance ends it amid its records: they are read again after the seek that follows
                await self.wait_first(self._hand_on(records, fetch), self.suspend_flow.wait())
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise
        finally:
            self._close()  # what was being fetched may be lost: nothing after it counts

    async def _fetched(self) -> tuple[Mapping[TP, list[Any]], int]:
        async with self._turn:
            self._fetches += 1
            # A copy: Faust empties the set itself, and an empty one means all partitions to the consumer's thread.
            if active := set(self._get_active_partitions()):
                return await self._getmany(active, _FETCH_SECONDS), self._fetches
        await asyncio.sleep(_NOTHING_TO_READ_SECONDS)
        return {}, self._fetches

    async def _hand_on(self, records: Mapping[TP, list[Any]], fetch: int) -> None:
        for number, (place, record) in enumerate(self.scheduler.iterate(records), start=1):
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)  # the agents' turn
            if self._counts_from.get(place, math.inf) > fetch:
                continue
            message = self._to_message(place, record)
            if not self._is_changelog_tp(place):
                self.unfinished.read(message)
            elif place not in self._active_partitions:
                continue  # its table is whole, and takes no more from it
            await self.callback(message)

    def ack(self, message: Message) -> bool:
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commits without emptying the producer's buffer first.

        Faust waits for an empty buffer, which under load never comes: offsets stood still. What is acknowledged here
        was acknowledged by Kafka before (flush.py).
        """
        assigned = self.assignment()
        offsets = {place: offset for place, offset in self.unfinished.done().items() if place in assigned}
        if not offsets or not await self._commit(offsets):
            return False
        self.unfinished.is_committed(offsets)
        return True

    @property
    def _own_thread(self) -> _Thread:
        assert isinstance(self._thread, _Thread)  # noqa: S101 - made by _new_consumer_thread
        return self._thread


class Transport(driver.Transport):
    Consumer = Consumer
