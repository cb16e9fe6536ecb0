"""Program versions, a broadcast: every process reads the whole topic by a plain consumer, outside any group."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import ValidationError

from shared.events.cloudevent import Rejected
from shared.events.kafka_binding import decode
from shared.events.program_published import ProgramPublished
from shared.programs.pack import ProgramPack
from shared.programs.unbuilt import unbuilt_parts
from shared.programs.versions import ProgramVersion
from shared.runtime.kafka_client import end_client
from shared.runtime.postgres import DATABASE_AWAY, Connection
from shared.runtime.service import AdoptProgram, Running

log = structlog.get_logger()

TOPIC = "programs.versions.v1"
_PLACE = TopicPartition(TOPIC, 0)
# A version takes effect 15 minutes after its record at the earliest: knowledge older than this may miss one.
_STALE_AFTER_SECONDS = 300.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ProgramFeed:
    """Keeps `running.programs` up to the topic's end, and the versions in the service's schema."""

    def __init__(self, running: Running, adopt: AdoptProgram | None) -> None:
        self._running = running
        self._adopt = adopt
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=running.settings.kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
        )
        self._reading = asyncio.Lock()
        self._caught_up_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the topic to its end before anything is handled, then follow it."""
        await self._consumer.start()
        self._consumer.assign([_PLACE])
        await self._consumer.seek_to_beginning(_PLACE)
        await self.read_to_end()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await end_client(self._consumer)

    async def read_to_end(self) -> None:
        """Read up to the end that the topic has at this moment."""
        async with self._reading:
            end = (await self._consumer.end_offsets([_PLACE]))[_PLACE]
            while await self._consumer.position(_PLACE) < end:
                await self._take(await self._consumer.getmany(_PLACE, timeout_ms=200))
            self._caught_up_at = asyncio.get_running_loop().time()

    async def wait_until_fresh(self) -> None:
        """Handling waits while a version that is already in force might still be unread."""
        while asyncio.get_running_loop().time() - self._caught_up_at > _STALE_AFTER_SECONDS:
            log.warning("program versions are stale, handling waits until Kafka answers")
            await asyncio.sleep(1)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(1)
            try:
                await self.read_to_end()
            except Exception as error:
                log.warning("program versions not readable just now", error=error)

    async def _take(self, polled: "dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]") -> None:
        """Enter what was read. Whoever is stopped amid it leaves the rest to be read again: none may be passed over."""
        for record in polled.get(_PLACE, []):
            try:
                await self._enter(record)
            except BaseException:
                self._consumer.seek(_PLACE, record.offset)
                raise

    async def _enter(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        version = read_version(record)
        if version is None:
            return
        book = self._running.programs
        if (refusal := book.refusal(version)) is not None:
            log.info("program version void", program=version.program_id, version=version.version, why=refusal)
        await self._keep(version, record.offset, stands=refusal is None)
        self._running.programs = book.with_record(version)

    async def _keep(self, version: ProgramVersion, offset: int, *, stands: bool) -> None:
        while True:
            try:
                async with self._running.pool.acquire() as connection, connection.transaction():
                    await _insert(connection, version, offset)
                    if stands and self._adopt is not None:
                        await self._adopt(connection, version)
                return
            except DATABASE_AWAY as error:
                log.warning("database away, program version waits", error=error)
                await asyncio.sleep(1)


def read_version(record: "ConsumerRecord[bytes, bytes]") -> ProgramVersion | None:
    """The version a record tells, or None when the record is void for every reader alike."""
    try:
        event = decode(record.topic, record.key, record.value, tuple(record.headers))
        if not isinstance(event.data, ProgramPublished):
            return None
        pack = ProgramPack.model_validate(event.data.pack)
    except (Rejected, ValidationError) as error:
        log.warning("program record void", offset=record.offset, why=str(error)[:500])
        return None
    # What no service acts on must not be promised to members: such a version is no version.
    if unbuilt := unbuilt_parts(pack):
        log.warning("program record void", offset=record.offset, why=unbuilt[0].text("en"))
        return None
    recorded_at = _EPOCH + timedelta(milliseconds=record.timestamp)
    return ProgramVersion.of(pack, event.data.published_at, recorded_at)


async def _insert(connection: Connection, version: ProgramVersion, offset: int) -> None:
    await connection.execute(
        """
        INSERT INTO program_version
            (program_id, version, published_at, effective_at, recorded_at, record_offset, pack)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """,
        version.program_id,
        version.version,
        version.published_at,
        version.effective_at,
        version.recorded_at,
        offset,
        version.pack.model_dump_json(by_alias=True),
    )
