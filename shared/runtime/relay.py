"""The outbox relay: one per service, elected by an advisory lock.

It reads the visible rows in the order of their ids, publishes them, deletes what Kafka acknowledged, and never
remembers a position: a row that becomes visible late is simply found at the next look.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from shared.runtime import crash_points, telemetry
from shared.runtime.ledger import unpack_headers
from shared.runtime.postgres import CONNECTION_LOST, DATABASE_AWAY, Connection
from shared.runtime.settings import Settings

log = structlog.get_logger()

STRUCTURED = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
MAX_REQUEST_BYTES = 2 * 1024 * 1024
_RELAY_LOCK = 0x72656C61
_READ = """
SELECT id, aggregatetype, aggregateid, payload, headers FROM outbox ORDER BY id LIMIT $1
"""
_DELETE = """
WITH gone AS (DELETE FROM outbox WHERE id = ANY($1::bigint[]))
INSERT INTO relay_progress AS p (topic, partition, acknowledged_offset, published)
SELECT topic, partition, max(acknowledged), count(*)
  FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS a (topic, partition, acknowledged)
 GROUP BY topic, partition ORDER BY topic, partition
ON CONFLICT (topic, partition) DO UPDATE
   SET acknowledged_offset = greatest(p.acknowledged_offset, excluded.acknowledged_offset),
       published = p.published + excluded.published
"""


class Relay:
    """Publishes one schema's outbox while it holds the schema's relay lock."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings

    async def run(self) -> None:
        """Until cancelled: wait for the lock, relay, and start over when database or broker went away."""
        pause = 0.1
        while True:
            try:
                connection = await asyncpg.connect(self._settings.database.get_secret_value())
                try:
                    await self._elected(connection)
                    pause = 0.1
                    await self._relay(connection)
                finally:
                    with contextlib.suppress(Exception):
                        await connection.close(timeout=2)
            except (*DATABASE_AWAY, *CONNECTION_LOST) as error:
                log.warning("relay waits for the database", service=self._service, error=repr(error))
            except Exception as error:
                log.warning("relay starts over", service=self._service, error=repr(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _elected(self, connection: Connection) -> None:
        while not await connection.fetchval(  # noqa: ASYNC110 - the lock lives in the database
            "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))", _RELAY_LOCK
        ):
            await asyncio.sleep(0.5)
        log.info("relay elected", service=self._service)

    async def _relay(self, connection: Connection) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_request_size=MAX_REQUEST_BYTES,
            compression_type=None,
        )
        await producer.start()
        try:
            while True:
                rows = await connection.fetch(_READ, self._settings.relay_rows)
                if not rows:
                    await asyncio.sleep(self._settings.relay_pause_milliseconds / 1000)
                    continue
                crash_points.reach("relay_read")
                await self._publish(connection, producer, rows)
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(producer.stop(), 5)

    async def _publish(
        self, connection: Connection, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]
    ) -> None:
        """Send the rows in order and delete the acknowledged ones; a failed row holds back its key's later rows."""
        sent = [await _send(producer, row) for row in rows]
        crash_points.reach("relay_produced_not_acknowledged")
        results = await asyncio.gather(*sent, return_exceptions=True)
        crash_points.reach("relay_acknowledged_not_deleted")
        held: set[tuple[str, bytes | None]] = set()
        done: list[tuple[int, RecordMetadata]] = []
        failure: BaseException | None = None
        for row, result in zip(rows, results, strict=True):
            place = (row["aggregatetype"], row["aggregateid"])
            if isinstance(result, BaseException):
                failure = result
                held.add(place)
            elif place not in held:
                done.append((row["id"], result))
        await connection.execute(
            _DELETE,
            [row_id for row_id, _ in done],
            [metadata.topic for _, metadata in done],
            [metadata.partition for _, metadata in done],
            [metadata.offset for _, metadata in done],
        )
        telemetry.RELAYED.labels(self._service).inc(len(done))
        if failure is not None:
            raise failure


async def _send(producer: AIOKafkaProducer, row: asyncpg.Record) -> "asyncio.Future[RecordMetadata]":
    """Hand one row to the producer; what it refuses at once becomes a failed future, like a late failure."""
    headers = STRUCTURED if row["headers"] is None else unpack_headers(row["headers"])
    try:
        future: asyncio.Future[RecordMetadata] = await producer.send(
            row["aggregatetype"], row["payload"], key=row["aggregateid"], headers=list(headers)
        )
    except Exception as error:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(error)
    return future
