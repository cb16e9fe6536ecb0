"""When single records were appended: read from Kafka in the background, remembered, never waited for."""

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime import readable_records
from shared.runtime.kafka_client import end_client

log = structlog.get_logger()

_REMEMBERED = 2_000
_READ_MILLISECONDS = 1_000

Record = tuple[tuple[str, int], int]  # (topic, partition) and offset


class RecordTimes:
    """Answers from memory; what is not there yet is read, one record after the other."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        readable_records.install()
        self._known: OrderedDict[Record, datetime] = OrderedDict()
        self._wanted: dict[Record, None] = {}
        self._task: asyncio.Task[None] | None = None

    def of(self, place: tuple[str, int], offset: int) -> datetime | None:
        """The append time of the first record at or after `offset`, or None while it is not known."""
        record = (place, offset)
        if (known := self._known.get(record)) is not None:
            return known
        self._wanted[record] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read_wanted())
        return None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read_wanted(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=64 * 1024,
        )
        try:
            await consumer.start()
            while self._wanted:
                record = next(iter(self._wanted))
                del self._wanted[record]
                if (at := await _read(consumer, record)) is not None:
                    self._known[record] = at
                    while len(self._known) > _REMEMBERED:
                        self._known.popitem(last=False)
        except (KafkaError, OSError) as error:
            self._wanted.clear()  # asked again at the next look
            log.warning("a record's time cannot be read", error=error)
        finally:
            await end_client(consumer)


async def _read(consumer: AIOKafkaConsumer, record: Record) -> datetime | None:
    (topic, partition), offset = record
    place = TopicPartition(topic, partition)
    consumer.assign([place])
    consumer.seek(place, offset)
    try:
        polled = await consumer.getmany(place, timeout_ms=_READ_MILLISECONDS, max_records=1)
    except UnicodeDecodeError:  # a header's name that is not UTF-8; the next look asks again
        readable_records.switch_on()
        return None
    return datetime.fromtimestamp(polled[place][0].timestamp / 1000, UTC) if polled.get(place) else None
