"""Records as they come, read by offsets: whoever pauses goes on where he stopped, and what is left out is counted.

A cursor holds the next offset of each partition. It belongs to the browser; nothing is kept here between two reads.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.events.topics import load_topics
from shared.runtime import readable_records
from shared.runtime.kafka_client import end_client

log = structlog.get_logger()

CONSUMERS = 2  # that read for all browsers
RECENT = 4  # records of each partition that a fresh cursor begins before the end
_MOST_SCANNED = 5_000  # records in one read: a narrow filter is told how far it came
_SECONDS = 0.5
_AWAY_SECONDS = 3

Place = tuple[str, int]
Logs = Mapping[Place, tuple[int, int]]  # where each log begins and ends
Cursor = dict[Place, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One record as the tail shows it. `type` and `event_id` are None where it holds no event."""

    at: datetime
    topic: str
    partition: int
    offset: int
    key: str | None
    type: str | None
    event_id: str | None
    source: str | None
    subject: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines that hold `contains` (any case) in what a line shows; what names a person counts for those who see it."""

    contains: str = ""
    sees_ids: bool = True

    def holds(self, line: Line) -> bool:
        naming = (line.key, line.subject, line.event_id) if self.sees_ids else ()
        words = (line.topic, line.type, line.source, *naming)
        return not self.contains or self.contains.lower() in "\n".join(filter(None, words)).lower()


@dataclass(slots=True)
class TailRead:
    """What one read found: `scanned` records, those of them that match, and how many are left before the end.

    `skipped` were asked for and are in Kafka no more, or were jumped over on purpose.
    """

    cursor: Cursor
    lines: list[Line] = field(default_factory=list)
    scanned: int = 0
    skipped: int = 0
    behind: int = 0


class TailUnavailableError(Exception):
    """Kafka cannot be read now; the sentence says so."""


def shown_topics() -> tuple[str, ...]:
    """Every topic but the one with contact data, which notification alone reads."""
    return tuple(name for name, topic in load_topics().items() if topic.has_dead_letters)


def begin_near_the_end(logs: Logs, topics: Collection[str]) -> Cursor:
    """A cursor before the last few records of each partition."""
    return {place: max(begin, end - RECENT) for place, (begin, end) in logs.items() if place[0] in topics}


def jump_to_the_end(cursor: Mapping[Place, int], logs: Logs, topics: Collection[str]) -> TailRead:
    """Everything not read is skipped, and counted."""
    ends = {place: end for place, (_, end) in logs.items() if place[0] in topics}
    return TailRead(dict(ends), skipped=sum(max(end - cursor.get(place, end), 0) for place, end in ends.items()))


def placed(cursor: Mapping[Place, int], logs: Logs, topics: Collection[str]) -> TailRead:
    """The cursor moved into the logs as they are now; records that retention has deleted count as skipped.

    A partition that the cursor does not know begins at its end; an offset beyond the end (a topic made anew) at the
    beginning.
    """
    read = TailRead({})
    for place, (begin, end) in logs.items():
        if place[0] not in topics:
            continue
        wanted = cursor.get(place, end)
        read.cursor[place] = begin if wanted > end else max(wanted, begin)
        read.skipped += max(begin - wanted, 0)
    return read


def left(cursor: Mapping[Place, int], logs: Logs) -> int:
    """Records between the cursor and the ends."""
    return sum(max(logs[place][1] - offset, 0) for place, offset in cursor.items() if place in logs)


class Tail:
    """Reads for every browser with a few consumers, which hold nothing between two reads."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._idle: list[AIOKafkaConsumer] = []
        self._free = asyncio.Semaphore(CONSUMERS)
        readable_records.install()  # a header's name that is not UTF-8 must not hide its neighbours

    async def read(
        self, cursor: Mapping[Place, int], logs: Logs, topics: Collection[str], wanted: Wanted, most: int
    ) -> TailRead:
        """At most `most` of the wanted lines. Raises TailUnavailableError."""
        read = placed(cursor, logs, topics)
        unread = {place: offset for place, offset in read.cursor.items() if offset < logs[place][1]}
        if unread and most > 0:
            async with self._free, self._consumer() as consumer:
                await _fill(consumer, read, unread, logs, wanted, most)
        read.lines.sort(key=lambda line: (line.at, line.topic, line.partition, line.offset))
        read.behind = left(read.cursor, logs)
        return read

    async def close(self) -> None:
        """Let the consumers go."""
        while self._idle:
            with contextlib.suppress(Exception):
                await self._idle.pop().stop()

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = self._idle.pop() if self._idle else None
        try:
            async with asyncio.timeout(_AWAY_SECONDS):
                consumer = consumer or await self._started()
                yield consumer
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the tail cannot read", error=error)
            if consumer is not None:
                await end_client(consumer)
            raise TailUnavailableError("Kafka does not answer; the tail goes on where it stopped.") from error
        self._idle.append(consumer)

    async def _started(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=256 * 1024,
            fetch_max_bytes=4 * 1024 * 1024,
        )
        await consumer.start()
        return consumer


async def _fill(
    consumer: AIOKafkaConsumer, read: TailRead, unread: Mapping[Place, int], logs: Logs, wanted: Wanted, most: int
) -> None:
    """Read until enough lines match, the ends are reached, or it takes too long; the cursor follows each record."""
    places = {TopicPartition(*place): logs[place][1] for place in unread}
    consumer.assign(list(places))
    _seek(consumer, places, unread)
    loop = asyncio.get_running_loop()
    until = loop.time() + _SECONDS
    while places and len(read.lines) < most and read.scanned < _MOST_SCANNED and loop.time() < until:
        # never more than may still be shown: what a poll hands over has left the consumer
        try:
            polled = await consumer.getmany(*places, timeout_ms=100, max_records=most - len(read.lines))
        except UnicodeDecodeError:
            readable_records.switch_on()
            _seek(consumer, places, read.cursor)
            continue
        for place, records in polled.items():
            for record in records:
                read.cursor[place.topic, place.partition] = record.offset + 1
            read.scanned += len(records)
            read.lines += [line for line in map(line_of, records) if wanted.holds(line)]
        places = {place: end for place, end in places.items() if read.cursor[place.topic, place.partition] < end}


def _seek(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition], cursor: Mapping[Place, int]) -> None:
    for place in places:
        consumer.seek(place, cursor[place.topic, place.partition])


def line_of(record: "ConsumerRecord[bytes, bytes]") -> Line:
    """What a record says of itself, unchecked: a line of a hostile record is as good as any."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    if headers.get("content-type", "").lower().startswith("application/cloudevents"):
        said = _structured(record.value)
    else:
        said = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    return Line(
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=None if record.key is None else record.key.decode("utf-8", "replace")[:300],
        type=_text(said.get("type")),
        event_id=_text(said.get("id")),
        source=_text(said.get("source")),
        subject=_text(said.get("subject")),
        size=len(record.value or b""),
    )


def _structured(value: bytes | None) -> Mapping[str, object]:
    try:
        said = orjson.loads(value or b"")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: object) -> str | None:
    return said[:300] if isinstance(said, str) else None
