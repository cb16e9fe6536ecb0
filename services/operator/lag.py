"""What the services have not handled yet, from their own books and Kafka's end offsets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.trouble import Trouble
from shared.events.topics import load_topics
from shared.runtime.postgres import Connection

_FOLLOWED = ("earning", "redemption")  # the gateway handles no records
# The books of both services in one statement, so that no event is between two readings.
_BOOKS = """
SELECT 'earning' AS service, topic, partition, next_offset FROM earning.audit_offset
UNION ALL
SELECT 'redemption', topic, partition, next_offset FROM redemption.audit_offset
UNION ALL
SELECT 'earning', NULL, NULL, count(*) FROM earning.audit_outbox
UNION ALL
SELECT 'redemption', NULL, NULL, count(*) FROM redemption.audit_outbox
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """Per service: records in its topics that it has not handled, and rows of its outbox not yet in Kafka."""

    records: Mapping[str, int]
    outbox: Mapping[str, int]

    @property
    def total(self) -> int:
        """0 once everything published has been handled by everybody."""
        return sum(self.records.values()) + sum(self.outbox.values())


class LagReader:
    """Reads the lag as the audit role; obtained from `reading_lag`. `seen` is what it read last."""

    def __init__(self, books: Connection, kafka: AIOKafkaConsumer) -> None:
        self._books = books
        self._kafka = kafka
        self.seen: Lag | None = None

    async def read(self) -> Lag:
        """Books first, Kafka second: 0 means that nothing was under way between the two."""
        rows = await self._books.fetch(_BOOKS)
        handled = {(row["service"], row["topic"], row["partition"]): row["next_offset"] for row in rows}
        places = {service: _places(service, handled) for service in _FOLLOWED}
        ends = await self._kafka.end_offsets(sorted(set().union(*places.values())))
        records = {
            service: sum(ends[place] - handled.get((service, *place), 0) for place in mine)
            for service, mine in places.items()
        }
        outbox = {service: handled[service, None, None] for service in _FOLLOWED}
        self.seen = Lag(records, outbox)
        return self.seen

    async def until_drained(self, seconds: float) -> Lag:
        """Wait until nothing is left. Raises Trouble naming what is left after `seconds` without any progress."""
        loop = asyncio.get_running_loop()
        least, deadline = None, loop.time() + seconds
        while (lag := await self.read()).total:
            if least is None or lag.total < least:
                least, deadline = lag.total, loop.time() + seconds
            if loop.time() > deadline:
                left = ", ".join(
                    f"{service} {lag.records[service]} events and {lag.outbox[service]} outbox rows"
                    for service in lag.records
                )
                raise Trouble(
                    "NOT_DRAINED",
                    f"The services handled nothing more for {seconds:g} s and are behind: {left}.",
                    "Look at their logs and /readyz.",
                )
            await asyncio.sleep(0.1)
        return lag


def _places(service: str, handled: Mapping[tuple[str, str | None, int | None], int]) -> set[TopicPartition]:
    """Every partition of the topics it handles; all of the contract's before it has claimed its first."""
    topics = load_topics().values()
    known = {topic for owner, topic, _ in handled if owner == service}
    mine = [topic for topic in topics if topic.name in known] or [t for t in topics if service in t.consumers]
    return {TopicPartition(topic.name, partition) for topic in mine for partition in range(topic.partitions)}


@asynccontextmanager
async def reading_lag(audit_dsn: str, kafka: str) -> AsyncIterator[LagReader]:
    """A LagReader with its own connections."""
    books = await asyncpg.connect(audit_dsn)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        yield LagReader(books, consumer)
    finally:
        await consumer.stop()
        await books.close()
