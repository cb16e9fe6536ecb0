"""What one run's log proves of the topology: who wrote each topic, of which types, and who read it to its end."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.events.topics import Topic, built_services, load_topics

BROADCAST = "programs.versions.v1"
# These keep their place in their own books; fraud monitoring keeps it in Kafka, as its group's commits.
WITH_BOOKS = ("earning", "redemption", "notification")
WITHOUT_BOOKS = ("fraud_monitoring",)


@dataclass(slots=True)
class TopicLog:
    """One topic's records: how many of each type from each source, and the end of each partition."""

    ends: dict[int, int]
    types: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    erasures: int = 0

    @property
    def records(self) -> int:
        return sum(self.types.values()) + self.erasures

    def is_from(self, service: str) -> bool:
        """A service names itself as the source; what comes in by the gateway keeps the sender's."""
        return bool(self.sources[f"/{service}"])


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole log, each group's position by (service, topic, partition), and the gateway's own count by topic."""

    topics: Mapping[str, TopicLog]
    positions: Mapping[tuple[str, str, int], int]
    broadcast_known: Mapping[str, int]
    published_by_gateway: Mapping[str, float]

    def missing(self) -> set[tuple[str, str, str]]:
        """(topic, "producer" or "consumer", service) of every declared edge that the run does not show."""
        return set(self._missing())

    def _missing(self) -> Iterator[tuple[str, str, str]]:
        for name, topic in load_topics().items():
            for service in topic.producers:
                if service in (*built_services(), "operator") and not self._wrote(service, name):
                    yield name, "producer", service
            for service in topic.consumers:
                if service in built_services() and not self._read(service, topic):
                    yield name, "consumer", service

    def _wrote(self, service: str, topic: str) -> bool:
        if service == "gateway":
            return self.published_by_gateway.get(topic, 0) > 0 and self.topics[topic].records > 0
        return self.topics[topic].is_from(service)

    def _read(self, service: str, topic: Topic) -> bool:
        """Every record there is, and at least one: a place kept at the start of an empty topic proves no reading."""
        if topic.name == BROADCAST:
            return self.broadcast_known.get(service, 0) == self.topics[topic.name].records > 0
        log = self.topics[topic.name]
        read = [self.positions.get((service, topic.name, number)) for number in range(topic.partitions)]
        behind = [end for number, end in log.ends.items() if (read[number] or 0) < end]
        return log.records > 0 and not behind


async def read_evidence(
    kafka: str, audit: "asyncpg.Connection[asyncpg.Record]", published_by_gateway: Mapping[str, float]
) -> Evidence:
    """Read everything there is; the services should be at rest."""
    positions = await _committed(kafka)
    for service in WITH_BOOKS:
        rows = await audit.fetch(f"SELECT topic, partition, next_offset FROM {service}.audit_offset")  # noqa: S608
        positions |= {(service, row["topic"], row["partition"]): row["next_offset"] for row in rows}
    known = {
        service: await audit.fetchval(f"SELECT count(*) FROM {service}.audit_program_version")  # noqa: S608
        for service in (*WITH_BOOKS, *WITHOUT_BOOKS)
    }
    return Evidence(await _logs(kafka), positions, known, published_by_gateway)


async def _committed(kafka: str) -> dict[tuple[str, str, int], int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        positions = {}
        for group in WITHOUT_BOOKS:
            for place, found in (await admin.list_consumer_group_offsets(group)).items():
                positions[group, place.topic, place.partition] = found.offset
        return positions
    finally:
        await admin.close()


async def _logs(kafka: str) -> dict[str, TopicLog]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", retry_backoff_ms=5,
    )  # fmt: skip
    await consumer.start()
    try:
        places = [TopicPartition(name, number) for name, t in load_topics().items() for number in range(t.partitions)]
        ends = await consumer.end_offsets(places)
        logs = {
            name: TopicLog({number: ends[TopicPartition(name, number)] for number in range(topic.partitions)})
            for name, topic in load_topics().items()
        }
        left = {place for place in places if ends[place]}
        consumer.assign(sorted(left))
        await consumer.seek_to_beginning()
        while left:
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    _count(logs[place.topic], record.value, dict(record.headers))
            left = {place for place in left if await consumer.position(place) < ends[place]}
        return logs
    finally:
        await consumer.stop()


def _count(log: TopicLog, value: bytes | None, headers: Mapping[str, bytes | None]) -> None:
    """Type and source of a record in either content mode; a record without value erases a contact."""
    if value is None:
        log.erasures += 1
        return
    if "ce_type" in headers:
        told, source = headers["ce_type"] or b"", headers["ce_source"] or b""
        log.types[told.decode()] += 1
        log.sources[source.decode()] += 1
        return
    event = orjson.loads(value)
    log.types[event["type"]] += 1
    log.sources[event["source"]] += 1
