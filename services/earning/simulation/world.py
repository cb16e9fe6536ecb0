"""One world of a back-test: earning's books in a database of its own, with programs of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from aiokafka import ConsumerRecord
from msgspec import structs
from pydantic import SecretStr

from services.earning.app import SERVICE
from services.earning.decide.route import EFFECTS
from services.earning.desk import EarningDesk, RefusedDraw
from services.earning.store.books import EarningBooks
from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.programs.versions import ProgramBook
from shared.runtime import gate
from shared.runtime.batch import Batch, Delivered, Headers, Outgoing, arrival_milliseconds, read_record
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.ledger import Postings, unpack_headers
from shared.runtime.postgres import MIGRATIONS, Connection, connect_pool, migrate
from shared.runtime.service import Running
from shared.runtime.settings import Settings

# One worker owns everything here: topics and partitions are merged into one stream that lies at this place.
_TOPIC, _PARTITION = "pos.purchases.v1", 0
_NEXT_DEADLINE = "SELECT min(deadline) FROM waiting_event WHERE NOT sent_on"
_OVERDUE = """
WITH due AS (
    UPDATE waiting_event SET sent_on = true WHERE deadline <= $1 AND NOT sent_on
    RETURNING position, record_key, event_type, event_key, record_value, headers
)
SELECT * FROM due ORDER BY position
"""


@dataclass(slots=True)
class Posted:
    """What one batch came to, once it was saved."""

    outbox: list[Outgoing] = field(default_factory=list)
    refused: list[RefusedDraw] = field(default_factory=list)  # `place` in this outbox
    dead_letters: list[str] = field(default_factory=list)


class _Books(EarningBooks):
    """Earning's books, whose outbound events are kept here instead of being stored for a relay."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[Posted] = []
        self.ever_waited = False

    async def save(self, connection: Connection, postings: Postings, epoch: int, desk: EarningDesk) -> bool:
        told, desk.outbox = desk.outbox, []
        saved = await super().save(connection, postings, epoch, desk)
        if saved:
            self.ever_waited |= bool(desk.waiting)
            letters = [letter.code.value for letter in postings.dead_letters]
            self.posted.append(Posted(told, desk.refused, letters))
        return saved


@dataclass(slots=True)
class World:
    """Batches in, outbound events out. What earning tells itself comes back with the next batch."""

    running: Running
    run: BatchRun[EarningDesk]
    books: _Books
    next_offset: int = 0
    coming_back: list[Outgoing] = field(default_factory=list)
    deadline: datetime | None = None

    async def post(self, records: Sequence[Delivered], now: datetime) -> Posted:
        """Decide and save what came back and then these records; `now` is the simulated time of arrival."""
        back = [_returned(outgoing, now) for outgoing in self.coming_back]
        self.coming_back = []
        start = self.next_offset
        placed = [
            structs.replace(each, partition=_PARTITION, offset=start + place, misplaced=False)
            for place, each in enumerate([*back, *records])
        ]
        if not placed:
            return Posted()
        self.next_offset += len(placed)
        await self.run.post(Batch(_TOPIC, _PARTITION, start, self.next_offset, placed))
        return await self._take()

    async def release_overdue(self, now: datetime) -> None:
        """The grace of what waits for a registration ends as the clock of the traffic passes it (C01)."""
        if self.deadline is None or now < self.deadline:
            return
        rows = await self.running.pool.fetch(_OVERDUE, now)
        self.coming_back += [_sent_on(row) for row in rows]
        await self._look_at_deadlines()

    async def _take(self) -> Posted:
        """What the saves of the batch gathered: halves of it may have been saved one by one."""
        whole = Posted()
        for part in self.books.posted:
            before = len(whole.outbox)
            whole.refused += [draw._replace(place=before + draw.place) for draw in part.refused]
            whole.outbox += part.outbox
            whole.dead_letters += part.dead_letters
        self.books.posted.clear()
        self.coming_back += [outgoing for outgoing in whole.outbox if outgoing.topic == EFFECTS]
        if self.books.ever_waited:
            await self._look_at_deadlines()
        return whole

    async def _look_at_deadlines(self) -> None:
        self.deadline = await self.running.pool.fetchval(_NEXT_DEADLINE)


@asynccontextmanager
async def opened_world(database: SecretStr, book: ProgramBook) -> AsyncIterator[World]:
    """Make earning's tables in an empty database and enter the programs."""
    settings = Settings(kafka="unused", database=database, environment="test", crash_at="", stop_at="")
    pool = await connect_pool(settings, size=3)
    try:
        async with pool.acquire() as connection:
            await migrate(connection, [MIGRATIONS, SERVICE.migrations])
            for program_id in book.programs():
                # the newest first: an amount approved once stands, and a draft may ask for another
                for version in reversed(book.versions(program_id)):
                    if SERVICE.adopt_program is not None:
                        await SERVICE.adopt_program(connection, version)
            epoch = await gate.claim(connection, _PARTITION, "simulation")
            await gate.begin_offsets(connection, _PARTITION, {_TOPIC: 0})
        running, books = Running(settings, pool, book), _Books()
        limit = DeadLetterLimit(settings.dead_letter_window, settings.dead_letter_percent)
        yield World(running, BatchRun(replace(SERVICE, books=books), running, epoch, limit), books)
    finally:
        await pool.close()


def _returned(outgoing: Outgoing, now: datetime) -> Delivered:
    """An event of our own as it comes back from Kafka."""
    return read_record(
        record_of(outgoing.topic, outgoing.key, outgoing.payload, now, outgoing.headers or STRUCTURED_HEADERS)
    )


def _sent_on(row: Any) -> Outgoing:
    headers = unpack_headers(row["headers"])
    return Outgoing(EFFECTS, row["record_key"], row["event_type"], row["event_key"], row["record_value"], headers)


def record_of(
    topic: str, key: bytes | None, value: bytes | None, arrival: datetime, headers: Headers = STRUCTURED_HEADERS
) -> "ConsumerRecord[bytes, bytes]":
    """A record as Kafka would deliver it; it gets its place when it is posted."""
    return ConsumerRecord(
        topic=topic, partition=0, offset=0, timestamp=arrival_milliseconds(arrival), timestamp_type=1, key=key,
        value=value, checksum=None, serialized_key_size=0, serialized_value_size=0, headers=headers,
    )  # fmt: skip
