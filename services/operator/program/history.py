"""What programs.versions.v1 tells: every version that was ever published, those that are void too."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.events.kafka_binding import decode
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime.program_feed import read_version

TOPIC = "programs.versions.v1"
SOURCE = "/operator"
_PLACE = TopicPartition(TOPIC, 0)


@dataclass(frozen=True, slots=True)
class Publication:
    """One record: `publisher` is the event's source; `void` says why the version does not stand, None if it does."""

    version: ProgramVersion
    publisher: str
    void: str | None


async def read_book(kafka: str) -> ProgramBook:
    """Every version that stands, read from the topic's beginning to its present end."""
    book = ProgramBook()
    async for record in _records(kafka):
        if (version := read_version(record)) is not None:
            book = book.with_record(version)
    return book


async def read_history(kafka: str, program_id: str) -> tuple[Publication, ...]:
    """The program's publications in the topic's order."""
    book, found = ProgramBook(), []
    async for record in _records(kafka):
        version = read_version(record)
        if version is None:
            continue
        if version.program_id == program_id:
            event = decode(record.topic, record.key, record.value, tuple(record.headers))
            found.append(Publication(version, event.source, book.refusal(version)))
        book = book.with_record(version)
    return tuple(found)


async def _records(kafka: str) -> "AsyncIterator[ConsumerRecord[bytes, bytes]]":
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([_PLACE])
        await consumer.seek_to_beginning(_PLACE)
        end = (await consumer.end_offsets([_PLACE]))[_PLACE]
        while await consumer.position(_PLACE) < end:
            for record in (await consumer.getmany(_PLACE, timeout_ms=200)).get(_PLACE, []):
                yield record
    finally:
        await consumer.stop()
