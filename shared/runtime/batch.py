"""What travels through a worker: records, decoded events, their fates, and what a batch has decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from aiokafka import ConsumerRecord

from shared.events.cloudevent import CloudEvent, FieldError, Rejected
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, decode_hot, encode, encode_known
from shared.events.reason_codes import ReasonCode
from shared.events.topics import load_topics
from shared.runtime.partitioner import partition_of
from shared.runtime.readable_records import UNREADABLE_HEADER

ARRIVAL_HEADER = "greenpoints-arrival"  # milliseconds: the first arrival, carried by forwards and replays
ATTEMPT_HEADER = "greenpoints-attempt"
ORIGIN_HEADER = "greenpoints-origin"  # milliseconds: when Kafka first saw what this came of (journey.py)
Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]  # a Kafka header may have no value
_CARRIED = frozenset((ARRIVAL_HEADER, ATTEMPT_HEADER, ORIGIN_HEADER))
FUTURE_TOLERANCE = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fate(StrEnum):
    """What became of one offset (invariant 8)."""

    __hash__ = str.__hash__  # a counter's key for every event; Enum's own takes a call

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    FORWARDED = "forwarded"
    DEAD_LETTERED = "dead_lettered"
    GAP = "gap"


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """One record as it came, with its event, or why there is none.

    `recorded` is Kafka's log append time of this record, `arrival` that of its first one: forwards and replays
    carry it along.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    recorded: datetime
    arrival: datetime
    attempt: int
    event: CloudEvent | None
    rejection: Rejected | None
    misplaced: bool = False  # not in its key's partition: the sender's partitioner is another than murmur2
    origin: datetime | None = None  # carried by some events of ours

    @property
    def required_event(self) -> CloudEvent:
        """The event, where the caller knows that the record was decoded."""
        if self.event is None:
            raise ValueError(f"Record {self.topic}/{self.partition}@{self.offset} holds no event.")
        return self.event

    @property
    def is_erasure(self) -> bool:
        """Whether the record erases its key: no value, on a compacted topic."""
        topic = load_topics().get(self.topic)
        return self.value is None and topic is not None and topic.cleanup_policy == "compact"


class Outgoing(NamedTuple):
    """One row for the outbox: an event of ours (`event`), or raw bytes passed on with their headers."""

    topic: str
    key: bytes | None
    type: str
    event_id: UUID
    payload: bytes | None
    headers: Headers | None = None


def outgoing_event(
    topic: str, key: str, event_id: UUID, source: str, subject: str | None, time: datetime, data: EventData
) -> Outgoing:
    """An event of ours, in structured mode. `time` is the cause's, never a wall clock's."""
    payload = encode(str(event_id), source, data.TYPE, subject, time, key, data)
    return Outgoing(topic, key.encode(), data.TYPE, event_id, payload)


def outgoing_known(
    topic: str,
    key: str,
    event_id: UUID,
    source: str,
    subject: str | None,
    time: datetime,
    type_: str,
    known: msgspec.Struct,
) -> Outgoing:
    """The same for the events of the hot path: `known` is their data, field by field (see `encode_known`)."""
    payload = encode_known(str(event_id), source, type_, subject, time, key, known)
    return Outgoing(topic, key.encode(), type_, event_id, payload)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why one record could not be handled."""

    delivered: Delivered
    code: ReasonCode
    message: str
    error_class: str
    fields: tuple[FieldError, ...] = ()


@dataclass(slots=True)
class Desk:
    """What one batch has decided so far; a service's desk adds its facts and rows. `now` is the database's."""

    outbox: list[Outgoing] = field(default_factory=list)

    def emit(self, outgoing: Outgoing) -> None:
        self.outbox.append(outgoing)


DeskT = TypeVar("DeskT", bound=Desk)
Handler: TypeAlias = Callable[[Delivered, DeskT], Fate]


@dataclass(slots=True)
class Batch:
    """Consecutive records of one topic and partition, and the offsets they move the gate between."""

    topic: str
    partition: int
    from_offset: int
    to_offset: int
    delivered: Sequence[Delivered]

    def gaps(self) -> list[tuple[int, int]]:
        """Offset ranges Kafka did not deliver, [from, to)."""
        missing: list[tuple[int, int]] = []
        expected = self.from_offset
        for delivered in self.delivered:
            if delivered.offset > expected:
                missing.append((expected, delivered.offset))
            expected = delivered.offset + 1
        if self.to_offset > expected:
            missing.append((expected, self.to_offset))
        return missing

    def halves(self) -> "tuple[Batch, Batch]":
        """The same offsets in two parts: so a failing batch comes to the record that fails it. Needs two records."""
        first, second = self.delivered[: len(self.delivered) // 2], self.delivered[len(self.delivered) // 2 :]
        cut = first[-1].offset + 1
        return (
            Batch(self.topic, self.partition, self.from_offset, cut, first),
            Batch(self.topic, self.partition, cut, self.to_offset, second),
        )


def read_records(records: "Sequence[ConsumerRecord[bytes, bytes]]") -> list[Delivered]:
    """Decode records of one topic; what nearly all of them are takes half the time of one by one."""
    name = records[0].topic
    topic = load_topics().get(name)
    events = decode_hot(name, [record.key for record in records], [record.value for record in records])
    return [
        read_record(record)
        if event is None or topic is None or record.headers != STRUCTURED_HEADERS
        else _usual(record, event, topic.partitions)
        for record, event in zip(records, events, strict=True)
    ]


def _usual(record: "ConsumerRecord[bytes, bytes]", event: CloudEvent, partitions: int) -> Delivered:
    """With no header of ours, and a key as a rule."""
    key, recorded = record.key, _instant(record.timestamp)
    misplaced = key is not None and partition_of(key, partitions) != record.partition
    place = (record.topic, record.partition, record.offset)
    return Delivered(*place, key, record.value, STRUCTURED_HEADERS, recorded, recorded, 1, event, None, misplaced)


def read_record(record: "ConsumerRecord[bytes, bytes]") -> Delivered:
    """Decode one record; a bad one keeps its bytes and says why."""
    headers: Headers = tuple(record.headers)
    usual = headers == STRUCTURED_HEADERS  # then none of them is one of ours
    event, rejection = None, None
    try:
        if not usual:
            _refuse_unreadable(headers)
        event = decode(record.topic, record.key, record.value, headers)
    except Rejected as error:
        rejection = error
    except Exception as error:  # whatever a hostile record provokes, it is that record's fault alone
        rejection = Rejected(ReasonCode.MALFORMED, f"The record could not be read ({type(error).__name__}).", ())
    recorded = _instant(record.timestamp)
    arrival, attempt, origin = (recorded, 1, None) if usual else _carried(recorded, headers)
    return Delivered(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        headers,
        recorded,
        arrival,
        attempt,
        event,
        rejection,
        _is_misplaced(record),
        origin,
    )


@lru_cache(maxsize=1000)
def _instant(milliseconds: int) -> datetime:
    """Kafka's time of a record; those of one append share it."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _refuse_unreadable(headers: Headers) -> None:
    """Whoever sets the mark himself refuses his own record, nobody else's."""
    for name, value in headers:
        if name == UNREADABLE_HEADER:
            shown = (value or b"").decode("ascii", "replace")[:300]
            raise Rejected(
                ReasonCode.MALFORMED,
                f"A header's name is not UTF-8 ({shown}); name every header in UTF-8 and send the record again.",
                (),
            )


def _is_misplaced(record: "ConsumerRecord[bytes, bytes]") -> bool:
    topic = load_topics().get(record.topic)
    return (
        record.key is not None and topic is not None and partition_of(record.key, topic.partitions) != record.partition
    )


def _carried(recorded: datetime, headers: Headers) -> tuple[datetime, int, datetime | None]:
    """First arrival (never later than this record's own) and attempt, as forwards and replays carry them; origin."""
    arrival, attempt, origin = recorded, 1, None
    for name, value in headers:
        if name not in _CARRIED or value is None or not value.isdigit():
            continue
        if name == ATTEMPT_HEADER and len(value) < 6:
            attempt = int(value)
        elif name == ARRIVAL_HEADER and len(value) < 15:
            arrival = min(recorded, _EPOCH + timedelta(milliseconds=int(value)))
        elif name == ORIGIN_HEADER and len(value) < 15:
            origin = min(recorded, _EPOCH + timedelta(milliseconds=int(value)))
    return arrival, attempt, origin


def forwarded(delivered: Delivered, topic: str, key: str) -> Outgoing:
    """The record unchanged, under another key, carrying its first arrival."""
    event = delivered.required_event
    return Outgoing(topic, key.encode(), event.type, event.event_key, delivered.value, onward_headers(delivered))


def onward_headers(delivered: Delivered) -> Headers:
    """The record's headers with its first arrival, as a forward carries them."""
    own = tuple(header for header in delivered.headers if header[0] != ARRIVAL_HEADER)
    return (*own, (ARRIVAL_HEADER, str(arrival_milliseconds(delivered.arrival)).encode()))


def arrival_milliseconds(arrival: datetime) -> int:
    return (arrival - _EPOCH) // timedelta(milliseconds=1)
