"""What was handled long ago, read once more where a migration asked for it: for facts that an earlier release let pass.

A slot does it after its claim, before it handles anything new, and backwards: the first record about a member is then
the last that was said, so no older word ever shows. Each step is one transaction with its mark behind the owner's
epoch: killed anywhere, it goes on from there. Offsets, decisions and outbox stay as they are.
"""

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime.arrivals import ARRIVALS
from shared.runtime.batch import Delivered, read_record
from shared.runtime.gate import GateShutError
from shared.runtime.kafka_client import end_client
from shared.runtime.postgres import Connection
from shared.runtime.readable_records import UnreadableHeaderError, switch_on
from shared.runtime.service import Running, Service

log = structlog.get_logger()

RECORDS_AT_ONCE = 500
_MARKED = """
SELECT r.topic, o.first_offset, coalesce(r.before_offset, o.next_offset) AS before_offset
  FROM read_again AS r JOIN partition_offset AS o USING (topic, partition) WHERE r.partition = $1
"""
_OWNED = "SELECT true FROM partition_owner WHERE partition = $1 AND epoch = $2 FOR SHARE"
_MOVE = "UPDATE read_again SET before_offset = $3 WHERE topic = $1 AND partition = $2"
_DONE = "DELETE FROM read_again WHERE topic = $1 AND partition = $2"


@dataclass(slots=True)
class _Mark:
    """What is left of one place: offsets from `first` to before `before`, those from `low` on are in `records`."""

    place: TopicPartition
    first: int
    before: int
    low: int
    records: list[Delivered] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return not self.records and self.low <= self.first

    async def fill(self, consumer: AIOKafkaConsumer) -> None:
        """Read on backwards until there is a record or no offset is left."""
        while not self.records and self.low > self.first:
            self.before, self.low = self.low, max(self.first, self.low - RECORDS_AT_ONCE)
            consumer.seek(self.place, self.low)
            while await consumer.position(self.place) < self.before:
                try:
                    polled = await consumer.getmany(self.place, timeout_ms=500, max_records=RECORDS_AT_ONCE)
                except UnicodeDecodeError as error:
                    switch_on()  # the next claim begins here again, with the batch made readable
                    raise UnreadableHeaderError(error.reason) from error
                here = [record for record in polled.get(self.place, ()) if self.low <= record.offset < self.before]
                self.records.extend(map(read_record, here))

    def take(self, since: datetime | None) -> list[Delivered]:
        """The records from Kafka's time `since` on (None: all), the last one first."""
        taken = []
        while self.records and (since is None or self.records[-1].recorded >= since):
            taken.append(self.records.pop())
        self.before = self.records[-1].offset + 1 if self.records else self.low
        return taken


async def read_again(
    service: Service[Any], running: Running, partition: int, epoch: int, stopping: asyncio.Event
) -> None:
    """Everything that is marked for this partition number.

    Raises GateShutError when another owner took it over, UnreadableHeaderError where it has to be begun anew.
    """
    if service.on_read_again is None:
        return
    rows = await running.pool.fetch(_MARKED, partition)
    marks = [
        _Mark(TopicPartition(row["topic"], partition), row["first_offset"], row["before_offset"], row["before_offset"])
        for row in rows
    ]
    if not marks:
        return
    log.info("reading again", partition=partition, offsets=sum(mark.before - mark.first for mark in marks))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=running.settings.kafka,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",  # what Kafka no longer has cannot be read again
    )
    try:
        await consumer.start()
        consumer.assign([mark.place for mark in marks])
        while marks and not stopping.is_set():
            for mark in marks:
                await mark.fill(consumer)
            async with running.pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval(_OWNED, partition, epoch):
                    raise GateShutError(f"read again {partition}")
                await service.on_read_again(connection, running, await _applied(connection, _latest(marks)))
                await _keep(connection, marks)
            marks = [mark for mark in marks if not mark.is_done]
    finally:
        await end_client(consumer)


def _latest(marks: Sequence[_Mark]) -> list[Delivered]:
    """What is surely later than all that is still unread, the latest first."""
    unread = [mark.records[0].recorded for mark in marks if mark.low > mark.first]
    since = max(unread, default=None)
    return list(heapq.merge(*(mark.take(since) for mark in marks), key=lambda each: each.recorded, reverse=True))


async def _applied(connection: Connection, records: Sequence[Delivered]) -> list[Delivered]:
    """Those that were applied where they lie: no repeat, no dead letter, nothing that was sent on from there."""
    keys = [record.event.event_key for record in records if record.event is not None]
    rows = await connection.fetch(ARRIVALS, keys)
    applied = {(row["topic"], row["partition"], row["record_offset"]) for row in rows}
    return [record for record in records if (record.topic, record.partition, record.offset) in applied]


async def _keep(connection: Connection, marks: Sequence[_Mark]) -> None:
    for mark in marks:
        if mark.is_done:
            await connection.execute(_DONE, *mark.place)
        else:
            await connection.execute(_MOVE, *mark.place, mark.before)
