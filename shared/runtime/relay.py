"""The outbox relay: one per service, elected by an advisory lock.

It reads the visible rows in the order of their ids, publishes them, deletes what Kafka acknowledged, and never
remembers a position: a row that becomes visible late is simply found at the next look. A row that cannot be
published holds back the rows of its own key, or of its topic where that is missing, and of no other.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerClosed
from aiokafka.structs import RecordMetadata

from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.events.topics import FAILURE_HEADERS_BYTES, load_topics
from shared.runtime import crash_points, telemetry
from shared.runtime.kafka_client import end_client
from shared.runtime.ledger import unpack_headers
from shared.runtime.partitioner import partition_of
from shared.runtime.postgres import CONNECTION_LOST, DATABASE_AWAY, Connection
from shared.runtime.settings import Settings

log = structlog.get_logger()

MAX_REQUEST_BYTES = 2 * 1024 * 1024 + FAILURE_HEADERS_BYTES
# a round goes out in few requests: each is a turn of an event loop that batches keep busy (default: 16 KiB)
_BATCH_BYTES = 256 * 1024
_RELAY_LOCK = 0x72656C61
READ = """
SELECT id, aggregatetype, aggregateid, payload, headers FROM outbox AS o
 WHERE aggregatetype <> ALL($2::text[])
   AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::bytea[]) AS held (topic, record_key)
                    WHERE held.topic = o.aggregatetype AND held.record_key IS NOT DISTINCT FROM o.aggregateid)
 ORDER BY id LIMIT $1
"""
DELETE = """
WITH gone AS (DELETE FROM outbox WHERE id = ANY($1::bigint[]))
INSERT INTO relay_progress AS p (topic, partition, acknowledged_offset, published)
SELECT topic, partition, max(acknowledged), count(*)
  FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS a (topic, partition, acknowledged)
 GROUP BY topic, partition ORDER BY topic, partition
ON CONFLICT (topic, partition) DO UPDATE
   SET acknowledged_offset = greatest(p.acknowledged_offset, excluded.acknowledged_offset),
       published = p.published + excluded.published
"""


_LONGEST_PAUSES = 5  # after as many looks in vain: at rest it asks the database a fifth as often
_SHORTEST_HOLD, _LONGEST_HOLD = 1.0, 60.0
_TOPIC_PATIENCE = 1.0  # how long a topic may make the others wait, once

Place: TypeAlias = tuple[str, bytes | None]  # topic and key: what has an order


class ProducerSpentError(Exception):
    """Kafka refused a row: the producer's numbering has a hole now, so it gives way to a new one."""


async def connect_relay(settings: Settings) -> "asyncpg.Connection[asyncpg.Record]":
    """The relay's own session: it holds the lock, and its plans are an index's whatever the outbox once held.

    A vacuum that found few rows makes it look cheap to read them all; rows that then heap up make each look dearer,
    until the relay falls behind for good.
    """
    return await asyncpg.connect(
        settings.database.get_secret_value(),
        server_settings={
            "application_name": "greenpoints relay",
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
            "enable_seqscan": "off",
            # a relay that is frozen or cut off gives the lock up; awake it asks all the time
            "idle_session_timeout": str(3 * settings.session_milliseconds),
        },
    )


class Relay:
    """Publishes one schema's outbox while it holds the schema's relay lock."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._held: dict[Place, tuple[float, float]] = {}  # until when, and how long
        self._topics: dict[str, asyncio.Future[object]] = {}  # whose partitions are known, or asked for
        self._published = 0

    async def run(self) -> None:
        """Until cancelled: wait for the lock, relay, and start over when database or broker went away."""
        pause = 0.1
        while True:
            before = self._published
            try:
                connection = await connect_relay(self._settings)
                try:
                    await self._elected(connection)
                    while True:
                        await self._relay(connection)
                finally:
                    with contextlib.suppress(Exception):
                        await connection.close(timeout=2)
            except (*DATABASE_AWAY, *CONNECTION_LOST) as error:
                log.warning("relay waits for the database", service=self._service, error=error)
            except Exception as error:
                log.warning("relay starts over", service=self._service, error=error)
            pause = 0.1 if self._published > before else min(pause * 2, 5.0)
            await asyncio.sleep(pause)

    async def _elected(self, connection: Connection) -> None:
        while not await connection.fetchval(  # noqa: ASYNC110 - the lock lives in the database
            "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))", _RELAY_LOCK
        ):
            await asyncio.sleep(0.5)
        log.info("relay elected", service=self._service)

    async def _relay(self, connection: Connection) -> None:
        """Publish until Kafka refuses a row, then return for a new producer."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=_BATCH_BYTES,
            compression_type=None,
        )
        await producer.start()
        try:
            looks = 0  # in vain
            while True:
                rows = await self._read(connection)
                telemetry.OUTBOX_ROWS.labels(self._service).set(len(rows))
                if not rows:
                    looks = min(looks + 1, _LONGEST_PAUSES)
                    await asyncio.sleep(looks * self._settings.relay_pause_milliseconds / 1000)
                    continue
                looks = 0
                crash_points.reach("relay_read")
                await self._publish(connection, producer, rows)
        except ProducerSpentError:
            return
        finally:
            for asked in self._topics.values():
                asked.cancel()
            self._topics.clear()
            await end_client(producer, 5)

    async def _read(self, connection: Connection) -> Sequence[asyncpg.Record]:
        """The oldest rows, without those of held places."""
        now = asyncio.get_running_loop().time()
        missing = [topic for topic, asked in self._topics.items() if not asked.done()]
        held = [place for place, (until, _) in self._held.items() if until > now]
        return await connection.fetch(
            READ, self._settings.relay_rows, missing, [topic for topic, _ in held], [key for _, key in held]
        )

    async def _publish(
        self, connection: Connection, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]
    ) -> None:
        """Send the rows in order and delete the acknowledged ones; a failed row holds back its key's later rows."""
        for topic in {row["aggregatetype"] for row in rows} - self._topics.keys():
            await self._ask_for(producer, topic)
        sent: list[tuple[asyncpg.Record, asyncio.Future[RecordMetadata]]] = []
        failed: dict[Place, BaseException] = {}
        tried_again: set[Place] = set()
        for row in rows:
            place = (row["aggregatetype"], row["aggregateid"])
            if place in failed or place in tried_again or not self._is_known(row["aggregatetype"]):
                continue
            if place in self._held:  # after a failure one row goes ahead alone
                tried_again.add(place)
            try:
                sent.append((row, await _send(producer, row)))
            except Exception as error:
                if _is_outage(error):
                    raise
                failed[place] = error
        crash_points.reach("relay_produced_not_acknowledged")
        results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        crash_points.reach("relay_acknowledged_not_deleted")
        done: list[tuple[int, RecordMetadata]] = []
        refused: dict[Place, BaseException] = {}
        for (row, _), result in zip(sent, results, strict=True):
            place = (row["aggregatetype"], row["aggregateid"])
            if isinstance(result, BaseException):
                refused.setdefault(place, result)
            elif place not in refused:
                done.append((row["id"], result))
                self._held.pop(place, None)
        await self._forget(connection, done)
        if outage := next((error for error in refused.values() if _is_outage(error)), None):
            raise outage
        self._hold({**failed, **refused})
        if refused:
            raise ProducerSpentError

    async def _forget(self, connection: Connection, done: Sequence[tuple[int, RecordMetadata]]) -> None:
        """Delete what Kafka acknowledged."""
        if not done:
            return
        await connection.execute(
            DELETE,
            [row_id for row_id, _ in done],
            [metadata.topic for _, metadata in done],
            [metadata.partition for _, metadata in done],
            [metadata.offset for _, metadata in done],
        )
        self._published += len(done)
        telemetry.RELAYED.labels(self._service).inc(len(done))

    async def _ask_for(self, producer: AIOKafkaProducer, topic: str) -> None:
        """Learn a topic's partitions. A missing topic is asked for in the background; its rows wait for that."""
        asked = asyncio.ensure_future(producer.partitions_for(topic))
        self._topics[topic] = asked
        asked.add_done_callback(lambda _: self._told(topic, asked))
        await asyncio.wait({asked}, timeout=_TOPIC_PATIENCE)
        if not asked.done():
            log.warning("topic missing, its rows wait", service=self._service, topic=topic)

    def _told(self, topic: str, asked: "asyncio.Future[object]") -> None:
        """Forget a failed answer, so that the next look asks again."""
        if (asked.cancelled() or asked.exception() is not None) and self._topics.get(topic) is asked:
            del self._topics[topic]

    def _is_known(self, topic: str) -> bool:
        asked = self._topics.get(topic)
        return asked is not None and asked.done()

    def _hold(self, failed: Mapping[Place, BaseException]) -> None:
        now = asyncio.get_running_loop().time()
        for place, error in failed.items():
            _, before = self._held.get(place, (0.0, _SHORTEST_HOLD / 2))
            pause = min(before * 2, _LONGEST_HOLD)
            self._held[place] = (now + pause, pause)
            log.warning("row not published, its key waits", topic=place[0], seconds=pause, error=error)


def _is_outage(error: BaseException) -> bool:
    """Whether Kafka is away, rather than refusing this row."""
    if not isinstance(error, KafkaError):
        return not isinstance(error, Exception)
    return isinstance(error, KafkaTimeoutError | ProducerClosed) or bool(error.retriable)


async def _send(producer: AIOKafkaProducer, row: asyncpg.Record) -> "asyncio.Future[RecordMetadata]":
    """Hand one row to the producer. A dead letter may have had neither key nor value, which it does not take."""
    headers = STRUCTURED_HEADERS if row["headers"] is None else unpack_headers(row["headers"])
    key, value = row["aggregateid"], row["payload"]
    empty = b"" if key is None and value is None else value
    future: asyncio.Future[RecordMetadata] = await producer.send(
        row["aggregatetype"], empty, key=key, partition=_partition(row["aggregatetype"], key), headers=list(headers)
    )
    return future


def _partition(name: str, key: bytes | None) -> int | None:
    """As the client would choose it, but remembered; None lets it choose."""
    topic = load_topics().get(name)
    return None if key is None or topic is None else partition_of(key, topic.partitions)
