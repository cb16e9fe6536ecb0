"""What the services have not handled yet, from their own books and Kafka's end offsets."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.trouble import Trouble
from shared.events.topics import load_internal_topics, load_topics
from shared.runtime.postgres import Connection

SPINE = ("earning", "redemption")
EVERYBODY = (*SPINE, "notification", "fraud_monitoring")  # the gateway and the console handle no records
# It keeps its place in Kafka, a few seconds behind what it has done; the others keep theirs in their books.
_WITHOUT_BOOKS = frozenset({"fraud_monitoring"})
_CIRCLING = 20
_BROADCAST = "programs.versions.v1"  # read by everybody outside the groups


@dataclass(frozen=True, slots=True)
class Lag:
    """Per service: records in its topics that it has not handled, and rows of its outbox not yet in Kafka.

    `handled`: how many records all of them have handled since they were installed.
    """

    records: Mapping[str, int]
    outbox: Mapping[str, int]
    handled: int = 0

    @property
    def total(self) -> int:
        """0 once everything published has been handled by everybody."""
        return sum(self.records.values()) + sum(self.outbox.values())


class Patience:
    """How long to wait for the end: `seconds` after the last progress, and `_CIRCLING` times that in all.

    One event makes several in other services' topics, so for a while the more is handled the more is left: only both
    together, nothing handled and no less left, mean that all stand still.
    """

    def __init__(self, seconds: float, now: float) -> None:
        self.seconds = seconds
        self._deadline, self._end = now + seconds, now + _CIRCLING * seconds
        self._most, self._least = -1, math.inf

    def gave_out(self, lag: Lag, now: float) -> str | None:
        """Why there is no use in waiting on, once there is none."""
        if lag.handled > self._most or lag.total < self._least:
            self._deadline = now + self.seconds
        self._most, self._least = max(self._most, lag.handled), min(self._least, lag.total)
        if now > self._deadline:
            return f"The services handled nothing more for {self.seconds:g} s"
        if now > self._end:
            return f"The services did not come to an end in {_CIRCLING * self.seconds:g} s"
        return None


class LagReader:
    """Reads the lag as the audit role; obtained from `reading_lag`. `seen` is what it read last."""

    def __init__(
        self, books: Connection, kafka: AIOKafkaConsumer, admin: AIOKafkaAdminClient, services: Sequence[str]
    ) -> None:
        self._books = books
        self._kafka = kafka
        self._admin = admin
        self._services = services
        self._statement = _statement(services)
        self.seen: Lag | None = None

    async def read(self) -> Lag:
        """Commits first, then books, then Kafka: 0 means that nothing was under way between them.

        Who commits has written its outbox before, so a reading of the books that comes after sees it.
        """
        handled: dict[tuple[str, str | None, int | None], int] = {}
        for service in _WITHOUT_BOOKS.intersection(self._services):
            handled |= await self._committed(service)
        rows = await self._books.fetch(self._statement)
        handled |= {(row["service"], row["topic"], row["partition"]): row["next_offset"] for row in rows}
        places = {service: _places(service, handled) for service in self._services}
        ends = await self._kafka.end_offsets(sorted(set().union(*places.values())))
        records = {
            service: sum(ends[place] - handled.get((service, *place), 0) for place in mine)
            for service, mine in places.items()
        }
        outbox = {service: handled[service, None, None] for service in self._services}
        done = sum(offset for (_, topic, _), offset in handled.items() if topic is not None)
        self.seen = Lag(records, outbox, done)
        return self.seen

    async def _committed(self, group: str) -> dict[tuple[str, str | None, int | None], int]:
        """What the group has committed to Kafka, its own intermediate topics included."""
        offsets = await self._admin.list_consumer_group_offsets(group)
        return {(group, place.topic, place.partition): max(0, found.offset) for place, found in offsets.items()}

    async def until_drained(self, seconds: float) -> Lag:
        """Wait until nothing is left. Raises Trouble naming what is left after `seconds` without any progress."""
        loop = asyncio.get_running_loop()
        patience = Patience(seconds, loop.time())
        while (lag := await self.read()).total:
            if (why := patience.gave_out(lag, loop.time())) is not None:
                left = ", ".join(
                    f"{service} {lag.records[service]} events and {lag.outbox[service]} outbox rows"
                    for service in lag.records
                )
                raise Trouble("NOT_DRAINED", f"{why} and are behind: {left}.", "Look at their logs and /readyz.")
            await asyncio.sleep(0.1)
        return lag


def _places(service: str, handled: Mapping[tuple[str, str | None, int | None], int]) -> set[TopicPartition]:
    """Every partition of the topics it handles; all of the contract's before it has claimed its first."""
    topics = [topic for topic in load_topics().values() if topic.name != _BROADCAST]
    declared = [topic for topic in topics if service in topic.consumers]
    known = {topic for owner, topic, _ in handled if owner == service}
    if service in _WITHOUT_BOOKS:
        # A table's changelog is read to rebuild it, and never committed.
        mine = declared
        between = {
            TopicPartition(topic.name, number)
            for topic in load_internal_topics().values()
            if service in topic.consumers and not topic.name.endswith(".changelog")
            for number in range(topic.partitions)
        }
    else:
        mine, between = [topic for topic in topics if topic.name in known] or declared, set()
    return {TopicPartition(topic.name, number) for topic in mine for number in range(topic.partitions)} | between


def _statement(services: Sequence[str]) -> str:
    """The books of all services in one statement, so that no event is between two readings."""
    parts = [
        f"""
        SELECT '{service}' AS service, topic, partition, next_offset FROM {service}.audit_offset
        UNION ALL
        SELECT '{service}', NULL, NULL, count(*) FROM {service}.audit_outbox
        """  # noqa: S608 - names of our own
        for service in services
    ]
    return " UNION ALL ".join(parts)


@asynccontextmanager
async def reading_lag(audit_dsn: str, kafka: str, services: Sequence[str] = SPINE) -> AsyncIterator[LagReader]:
    """A LagReader of these services, with its own connections; each service must have run its migrations."""
    books = await asyncpg.connect(audit_dsn)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        isolation_level="read_committed",
        retry_backoff_ms=5,  # asked for ends, the client learns of one topic after the other, and waits so long between
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await consumer.start()
        await admin.start()
        yield LagReader(books, consumer, admin, services)
    finally:
        await admin.close()
        await consumer.stop()
        await books.close()
