"""Kafka's log as the audit reads it: with a plain consumer, in no group, committing nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.trouble import Trouble
from shared.events.topics import load_topics

_SILENCE_SECONDS = 20.0
Bounds = Mapping[TopicPartition, tuple[int, int]]


class KafkaLog:
    """Offsets and records of partitions. Every method raises Trouble when Kafka stops answering."""

    def __init__(self, consumer: AIOKafkaConsumer, existing: frozenset[str], kafka: str) -> None:
        self._consumer = consumer
        self._kafka = kafka
        self._existing = existing
        self._bounds: dict[TopicPartition, tuple[int, int]] = {}

    async def bounds(self, places: Iterable[TopicPartition]) -> Bounds:
        """Begin and end offset of each partition that exists; the end is the next record's offset.

        Each is asked for once: a log only grows, and all of them are younger than the snapshot.
        """
        known = {place for place in places if self._exists(place)}
        if new := known - self._bounds.keys():
            begins = await self._consumer.beginning_offsets(new)
            ends = await self._consumer.end_offsets(new)
            self._bounds |= {place: (begins[place], ends[place]) for place in new}
        return {place: self._bounds[place] for place in known}

    async def standing(self, group: str) -> Mapping[TopicPartition, tuple[int, int, int]]:
        """Where a consumer group stands: (log's begin, committed offset, log's end) of each partition it committed.

        The ends are read after the offsets, and anew: the group goes on meanwhile.
        """
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka)
        await admin.start()
        try:
            known = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        places = [place for place in known if self._exists(place)]
        begins = await self._consumer.beginning_offsets(places) if places else {}
        ends = await self._consumer.end_offsets(places) if places else {}
        return {place: (begins[place], known[place].offset, ends[place]) for place in places}

    async def read(self, place: TopicPartition, start: int, stop: int) -> "AsyncIterator[ConsumerRecord[bytes, bytes]]":
        """The records in [start, stop) that are still there."""
        begin, end = (await self.bounds([place])).get(place, (stop, stop))
        position, stop = max(start, begin), min(stop, end)
        if position >= stop:
            return
        self._consumer.assign([place])
        self._consumer.seek(place, position)
        deadline = asyncio.get_running_loop().time() + _SILENCE_SECONDS
        while position < stop:
            polled = await self._consumer.getmany(place, timeout_ms=200)
            for record in polled.get(place, []):
                if record.offset < stop:
                    yield record
            moved_to: int = await self._consumer.position(place)
            if moved_to > position:
                position, deadline = moved_to, asyncio.get_running_loop().time() + _SILENCE_SECONDS
            elif asyncio.get_running_loop().time() > deadline:
                raise Trouble(
                    "KAFKA_UNREACHABLE",
                    f"Kafka gave nothing of {place.topic}/{place.partition} from offset {position} on.",
                    "Check that its brokers are up, then audit again.",
                )
        self._consumer.unsubscribe()  # else it goes on fetching

    def _exists(self, place: TopicPartition) -> bool:
        known = load_topics().get(place.topic)
        return place.topic in self._existing and (known is None or place.partition < known.partitions)


@asynccontextmanager
async def open_log(kafka: str) -> AsyncIterator[KafkaLog]:
    """Raises Trouble when no broker answers."""
    # As the services read: what a producer took back by aborting its transaction is no record, but a gap.
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # A broker answers one request after the other: what is asked next waits for a fetch that finds nothing.
        fetch_max_wait_ms=5,
        retry_backoff_ms=5,  # asked for ends, the client learns of one topic after the other, and waits so long between
        isolation_level="read_committed",
    )
    try:
        try:
            await consumer.start()
            existing = frozenset(await consumer.topics())
        except (KafkaError, OSError) as error:
            raise Trouble(
                "KAFKA_UNREACHABLE",
                f"No Kafka answers at {kafka}.",
                "Start it, or correct GREENPOINTS_KAFKA (or --kafka).",
            ) from error
        yield KafkaLog(consumer, existing, kafka)
    finally:
        await consumer.stop()
