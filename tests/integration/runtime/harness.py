"""The runtime's own tables with the smallest books there can be: every event is applied, nothing else is kept."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import ConsumerRecord
from msgspec.structs import replace

from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.member_registered import MemberRegistered
from shared.programs.versions import ProgramBook
from shared.runtime import gate
from shared.runtime.batch import Batch, Delivered, Desk, Fate, Headers, Outgoing, read_record
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.gate import BATCH_GATE
from shared.runtime.ledger import BATCH_PARTS, INBOX_COLUMNS, Postings, read_inbox
from shared.runtime.postgres import MIGRATIONS, Connection, connect_pool, migrate
from shared.runtime.service import Running, Service
from shared.runtime.settings import Settings
from shared.runtime.statement import gated_statement, load_statement

TOPIC = "members.profiles.v1"
NOW = datetime.now(UTC).replace(microsecond=0)
_LOAD = load_statement(INBOX_COLUMNS)
_SAVE = gated_statement(BATCH_GATE, BATCH_PARTS)


class LedgerBooks:
    """Inbox, outbox, dead letters and offsets, and nothing beside them."""

    transactional = False

    async def load(
        self, connection: Connection, _partition: int, events: Sequence[Delivered], _programs: ProgramBook
    ) -> tuple[Desk, dict[object, bytes]]:
        keys = [delivered.required_event.event_key for delivered in events]
        row = await connection.fetchrow(_LOAD.sql, *_LOAD.arguments({"event_keys": keys}))
        return Desk(), read_inbox(row["inbox"] if row else None)

    async def settle(self, _connection: Connection, _desk: Desk) -> None:
        """Nothing is fetched."""

    async def save(self, connection: Connection, postings: Postings, epoch: int, desk: Desk) -> bool:
        arguments = _SAVE.arguments(postings.arguments(epoch, desk.outbox))
        row = await connection.fetchrow(_SAVE.sql, *arguments)
        return row is not None and row["open"] == 1


def echo(delivered: Delivered, desk: Desk) -> Fate:
    """A handler that passes every event on to Kafka under its own key."""
    event = delivered.required_event
    desk.emit(Outgoing("points.grants.v1", delivered.key, event.type, event.event_key, delivered.value))
    return Fate.APPLIED


def record(event_id: str, *, member: str = "ann", offset: int = 0, headers: Headers = ()) -> Delivered:
    """A member.registered as a consumer would hand it over."""
    profile = MemberRegistered(program_id="p", member_id=member, registered_at=NOW, phone_verified=True)
    key = f"p/{member}"
    value = encode(event_id, "/crm", profile.TYPE, member, NOW - timedelta(days=1), key, profile)
    return raw(key.encode(), value, offset=offset, headers=(*STRUCTURED_HEADERS, *headers))


def raw(key: bytes | None, value: bytes | None, *, offset: int = 0, headers: Headers = ()) -> Delivered:
    milliseconds = int(NOW.timestamp() * 1000)
    return read_record(
        ConsumerRecord(
            topic=TOPIC, partition=0, offset=offset, timestamp=milliseconds, timestamp_type=1, key=key, value=value,
            checksum=None, serialized_key_size=0, serialized_value_size=0, headers=headers,
        )
    )  # fmt: skip


@dataclass(slots=True)
class Ledger:
    """A migrated schema; `batch` and `run` are what a slot would make."""

    running: Running
    service: Service[Desk]

    async def claim(self, partition: int = 0, *topics: str) -> int:
        async with self.running.pool.acquire() as connection:
            epoch = await gate.claim(connection, partition, "tests")
            await gate.begin_offsets(connection, partition, dict.fromkeys(topics or (TOPIC,), 0))
        return epoch

    def run(self, epoch: int) -> BatchRun[Desk]:
        return BatchRun(self.service, self.running, epoch, DeadLetterLimit(2000, 95))

    async def offsets(self, topic: str = TOPIC, partition: int = 0) -> dict[str, int]:
        row = await self.running.pool.fetchrow(
            "SELECT * FROM partition_offset WHERE topic = $1 AND partition = $2", topic, partition
        )
        assert row is not None
        return {name: value for name, value in row.items() if name not in ("topic", "partition")}

    async def count(self, table: str) -> int:
        rows: int = await self.running.pool.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a test's word
        return rows


def batch(*records: Delivered, start: int = 0, topic: str = TOPIC, partition: int = 0) -> Batch:
    """Consecutive records, placed from `start` on."""
    placed = [
        replace(each, topic=topic, partition=partition, offset=start + place) for place, each in enumerate(records)
    ]
    return Batch(topic, partition, start, start + len(placed), placed)


@asynccontextmanager
async def started(
    dsn: str, kafka: str = "unused", handler: Callable[[Delivered, Desk], Fate] = echo
) -> AsyncIterator[Ledger]:
    settings = Settings(kafka=kafka, database=dsn, environment="test", relay_pause_milliseconds=5)
    pool = await connect_pool(settings)
    try:
        async with pool.acquire() as connection:
            await migrate(connection, [MIGRATIONS])
        service = Service(
            name="earning",
            migrations=Path("unused"),
            topics=(TOPIC,),
            handlers={MemberRegistered: handler},
            books=LedgerBooks(),
        )
        yield Ledger(Running(settings, pool, ProgramBook()), service)
    finally:
        await pool.close()
