"""The topics that earning reads, from their beginning to the end they have now, merged by Kafka's own time."""

from collections import deque
from collections.abc import AsyncIterator
from heapq import heappop, heappush

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.earning.app import SERVICE
from services.earning.decide.route import EFFECTS
from services.earning.simulation.traffic import Arrived
from shared.events.referral_qualified import ReferralQualified
from shared.events.referral_reversed import ReferralReversed
from shared.events.topics import load_topics
from shared.runtime.batch import Delivered, read_record
from shared.runtime.kafka_client import end_client

_ENOUGH = 1000  # records kept of a partition while others are read
_RANK = {topic: rank for rank, topic in enumerate(SERVICE.topics)}
_DECIDED_ANEW = frozenset({ReferralQualified.TYPE, ReferralReversed.TYPE})


class KafkaTraffic:
    """Streams: at most a few thousand records of each partition are held, however long the topics are."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.total = 0
        self.incomplete = False

    async def records(self) -> AsyncIterator[Arrived]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=512 * 1024,
        )
        await consumer.start()
        try:
            shelf = await self._open(consumer)
            read = 0
            while (record := await shelf.next()) is not None:
                read += 1
                delivered = read_record(record)
                if not _is_told_again(delivered):
                    yield Arrived(delivered, read)
        finally:
            await end_client(consumer)

    async def _open(self, consumer: AIOKafkaConsumer) -> "_Shelf":
        places = [
            TopicPartition(topic, number)
            for topic in SERVICE.topics
            for number in range(load_topics()[topic].partitions)
        ]
        consumer.assign(places)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, begins[place])
        self.total = sum(ends[place] - begins[place] for place in places)
        self.incomplete = any(begins.values())
        return _Shelf(consumer, {place: ends[place] for place in places if ends[place] > begins[place]})


def _is_told_again(delivered: Delivered) -> bool:
    """What earning told itself follows from the rest, and is decided anew; its timers are taken as they rang."""
    if delivered.topic != EFFECTS:
        return False
    event = delivered.event
    return event is None or event.type in _DECIDED_ANEW or event.type not in load_topics()[EFFECTS].types


class _Shelf:
    """The next records of every partition; the earliest goes first."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._ends = ends
        self._held: dict[TopicPartition, deque[ConsumerRecord[bytes, bytes]]] = {place: deque() for place in ends}
        self._heads: list[tuple[int, int, int, int, TopicPartition]] = []
        self._open = set(ends)  # not read to their end
        self._bare = set(ends)  # nothing of them is held

    async def next(self) -> "ConsumerRecord[bytes, bytes] | None":
        """None at the end. Waits until every partition that is still open has shown its next record."""
        while self._bare & self._open:
            await self._fill()
        if not self._heads:
            return None
        place = heappop(self._heads)[-1]
        held = self._held[place]
        record = held.popleft()
        if held:
            self._show(place)
        else:
            self._bare.add(place)
            self._consumer.resume(place)
        return record

    async def _fill(self) -> None:
        for place, records in (await self._consumer.getmany(timeout_ms=200)).items():
            held = self._held.get(place)
            if held is None:
                continue
            fresh = [record for record in records if record.offset < self._ends[place]]
            held.extend(fresh)
            if fresh and place in self._bare:
                self._bare.discard(place)
                self._show(place)
            if len(held) >= _ENOUGH:
                self._consumer.pause(place)
        for place in list(self._open):
            if await self._consumer.position(place) >= self._ends[place]:
                self._open.discard(place)
                self._consumer.pause(place)

    def _show(self, place: TopicPartition) -> None:
        head = self._held[place][0]
        entry = (head.timestamp, _RANK[place.topic], place.partition, head.offset, place)
        heappush(self._heads, entry)
