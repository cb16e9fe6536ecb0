"""Hand-made records, and books that live in memory and fail as they are told."""

from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from aiokafka import ConsumerRecord
from msgspec.structs import replace

from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Batch, Delivered, Desk, Fate, Headers, read_record
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.ledger import Postings
from shared.runtime.postgres import Connection, Pool
from shared.runtime.service import Running, Service
from shared.runtime.settings import Settings

TOPIC = "members.profiles.v1"
NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


def raw(key: bytes | None, value: bytes | None, *, headers: Headers = (), offset: int = 0) -> Delivered:
    """A record recorded at NOW."""
    return read_record(
        ConsumerRecord(
            topic=TOPIC, partition=0, offset=offset, timestamp=int(NOW.timestamp() * 1000), timestamp_type=1, key=key,
            value=value, checksum=None, serialized_key_size=0, serialized_value_size=0, headers=headers,
        )
    )  # fmt: skip


def record(
    event_id: str, *, member: str = "ann", at: datetime = NOW, headers: Headers = (), closed: bool = False
) -> Delivered:
    data: EventData
    if closed:
        data = MemberClosed(program_id="p", member_id=member, causation_id="c", correlation_id="c", closed_at=NOW)
    else:
        data = MemberRegistered(
            program_id="p", member_id=member, registered_at=NOW - timedelta(days=9), phone_verified=True
        )
    key = f"p/{member}"
    value = encode(event_id, "/redemption" if closed else "/crm", data.TYPE, member, at, key, data)
    return raw(key.encode(), value, headers=(*STRUCTURED_HEADERS, *headers))


def batch(*records: Delivered, start: int = 0) -> Batch:
    placed = [replace(each, offset=start + place) for place, each in enumerate(records)]
    return Batch(TOPIC, 0, start, start + len(placed), placed)


@dataclass(slots=True)
class NamedDesk(Desk):
    """`named` are the ids of the events decided on it."""

    named: list[str] = field(default_factory=list)


class MemoryBooks:
    """Keeps what was saved; `before_save` may raise what PostgreSQL would, `before_load` what a record's values can."""

    def __init__(
        self, before_save: Callable[[Postings], None] = lambda _: None, *, transactional: bool = False
    ) -> None:
        self.transactional = transactional
        self.before_save = before_save
        self.before_load: Callable[[Sequence[Delivered]], None] = lambda _: None
        self.after_save: Callable[[], None] = lambda: None
        self.inbox: dict[object, bytes] = {}
        self.saved: list[Postings] = []
        self.named: list[str] = []
        self.loads: list[int] = []
        self.next_offset = 0
        self.open = True

    async def load(
        self, _connection: Connection, _partition: int, events: Sequence[Delivered], _programs: ProgramBook
    ) -> tuple[NamedDesk, dict[object, bytes]]:
        self.loads.append(len(events))
        self.before_load(events)
        return NamedDesk(), dict(self.inbox)

    async def settle(self, _connection: Connection, _desk: NamedDesk) -> None:
        """Nothing to fetch."""

    async def save(self, _connection: Connection, postings: Postings, _epoch: int, desk: NamedDesk) -> bool:
        self.before_save(postings)
        if not self.open:
            return False
        self.saved.append(postings)
        self.named.extend(desk.named)
        self.next_offset = postings.batch.to_offset
        for delivered in postings.applied:
            event = delivered.required_event
            self.inbox[event.event_key] = event.content_hash
        self.after_save()
        return True

    def fates(self) -> dict[str, int]:
        return {fate.value: count for fate in Fate if (count := sum(postings.fates[fate] for postings in self.saved))}

    def dead(self) -> list[tuple[int, str, str]]:
        return [
            (letter.delivered.offset, letter.code.value, letter.error_class)
            for postings in self.saved
            for letter in postings.dead_letters
        ]


class _Connection:
    """Answers the one question BatchRun asks itself: where does the stored offset stand?"""

    def __init__(self, books: MemoryBooks) -> None:
        self._books = books
        self.transactions = 0

    async def fetchval(self, *_: object) -> int:
        return self._books.next_offset

    @asynccontextmanager
    async def transaction(self) -> Any:
        self.transactions += 1
        yield


class MemoryPool:
    def __init__(self, books: MemoryBooks) -> None:
        self.connection = _Connection(books)

    @asynccontextmanager
    async def acquire(self) -> Any:
        yield self.connection


def note(delivered: Delivered, desk: NamedDesk) -> Fate:
    """A handler that applies everything and notes it."""
    desk.named.append(delivered.required_event.id)
    return Fate.APPLIED


def run_of(
    books: MemoryBooks,
    handler: Callable[[Delivered, NamedDesk], Fate] = note,
    *,
    pool: MemoryPool | None = None,
    limit: DeadLetterLimit | None = None,
) -> BatchRun[NamedDesk]:
    service = Service(
        name="earning", migrations=Path("unused"), topics=(TOPIC,), handlers={MemberRegistered: handler}, books=books
    )
    settings = Settings(kafka="unused", database="unused", environment="test")
    running = Running(settings, cast(Pool, pool or MemoryPool(books)), ProgramBook())
    return BatchRun(service, running, 1, limit or DeadLetterLimit(2000, 95))
