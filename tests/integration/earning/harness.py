"""Earning with a real database and no Kafka: what the worker of each partition number does with its batches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiokafka import ConsumerRecord
from msgspec import structs

from services.earning.app import SERVICE
from services.earning.desk import EarningDesk
from services.earning.store.adopt import adopt_program
from services.earning.store.books import EarningBooks
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.keys import member_key, receipt_key
from shared.events.member_registered import MemberRegistered
from shared.programs.pack import Budget, CostPerPoint, Period, ProgramPack
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime import gate
from shared.runtime.batch import Batch, Delivered, Headers, read_record
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.ledger import unpack_headers
from shared.runtime.partitioner import partition_of
from shared.runtime.postgres import MIGRATIONS, connect_pool, migrate
from shared.runtime.service import Running, Service
from shared.runtime.settings import Settings
from tests.infrastructure.till import PROGRAM
from tests.unit.earning.builders import pack

PURCHASES = "pos.purchases.v1"
NOW = datetime.now(UTC).replace(microsecond=0)
SOURCE = "/pos/tests/t1"
_CENTURY = Period(from_=date(2000, 1, 1), to=date(2100, 1, 1))


def program(*, approved_minor: int = 10_000_000, cost_minor: int = 5, **changes: Any) -> ProgramPack:
    """1 point per yuan out of one budget, `cost_minor` fen a point; in force for ever."""
    budget = Budget(
        budget_id="marketing",
        source="marketing_expense",
        approver="Head of Marketing",
        document="MKT-1",
        period=_CENTURY,
        approved_minor=approved_minor,
        cost_per_point=CostPerPoint(minor=cost_minor, points=1),
    )
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return pack(**{"program_id": PROGRAM, "effective_at": start, "budgets": (budget,), **changes})


def record(
    event_id: str,
    data: EventData,
    *,
    ago: timedelta = timedelta(),
    key: str | None = None,
    arrival: datetime = NOW,
    recorded: datetime | None = None,
    headers: Headers = (),
    topic: str | None = None,
) -> Delivered:
    """A decoded record under the contract's key, unless another is given; its place is set when it is posted."""
    member_id: str | None = getattr(data, data.MEMBER_FIELD or "", None)
    program_id: str = getattr(data, "program_id", PROGRAM)
    named = getattr(data, "receipt_id", None) or event_id
    own = member_key(program_id, member_id) if member_id is not None else receipt_key(program_id, named)
    raw_key, topic = (key or own).encode(), topic or data.TOPIC
    value = encode(event_id, SOURCE, data.TYPE, member_id, NOW - ago, key or own, data)
    carried = (*STRUCTURED_HEADERS, *headers)
    return Delivered(
        topic=topic,
        partition=0,
        offset=0,
        key=raw_key,
        value=value,
        headers=carried,
        recorded=recorded or arrival,
        arrival=arrival,
        attempt=1,
        event=decode(topic, raw_key, value, STRUCTURED_HEADERS),
        rejection=None,
    )


def registration(member_id: str, **changes: Any) -> Delivered:
    profile = {"registered_at": NOW - timedelta(days=60), "phone_verified": True, **changes}
    data = MemberRegistered(program_id=PROGRAM, member_id=member_id, **profile)
    return record(f"reg-{member_id}", data, ago=timedelta(days=60))


@dataclass(slots=True)
class Owner:
    """The worker of one partition number under one epoch."""

    run: BatchRun[EarningDesk]
    running: Running
    partition: int
    next: dict[str, int] = field(default_factory=dict)

    async def post(self, *records: Delivered) -> None:
        """Post the records as one batch of their topic."""
        topic = records[0].topic
        if topic not in self.next:
            async with self.running.pool.acquire() as connection:
                await gate.begin_offsets(connection, self.partition, {topic: 0})
                self.next |= await gate.next_offsets(connection, self.partition, [topic])
        start = self.next[topic]
        placed = [
            structs.replace(each, topic=topic, partition=self.partition, offset=start + place)
            for place, each in enumerate(records)
        ]
        await self.run.post(Batch(topic, self.partition, start, start + len(placed), placed))
        self.next[topic] = start + len(placed)


@dataclass(slots=True)
class Earning:
    """Migrated books with one program, and as many owners as a test wants."""

    running: Running
    service: Service[EarningDesk]
    owners: dict[int, Owner] = field(default_factory=dict)

    async def owner(self, partition: int = 0) -> Owner:
        """The owner of a partition number; claimed when it is asked for first."""
        if partition not in self.owners:
            async with self.running.pool.acquire() as connection:
                epoch = await gate.claim(connection, partition, f"tests-{partition}")
            run = BatchRun(self.service, self.running, epoch, DeadLetterLimit(2000, 95))
            self.owners[partition] = Owner(run, self.running, partition)
        return self.owners[partition]

    async def post(self, *records: Delivered, partition: int = 0) -> None:
        await (await self.owner(partition)).post(*records)

    async def register(self, *members: str, partition: int = 0) -> None:
        await self.post(*(registration(member) for member in members), partition=partition)

    async def outcomes(self) -> list[tuple[str, str, str | None]]:
        """(event id, outcome, code) of every decision but registrations, by event id."""
        rows = await self.running.pool.fetch(
            "SELECT event_id, outcome, code FROM decision WHERE outcome <> 'registered' ORDER BY event_id"
        )
        return [(row["event_id"], row["outcome"], row["code"]) for row in rows]

    async def points(self) -> tuple[int, int]:
        """Issued and clawed back, the same in grants and claw-backs."""
        row = await self.running.pool.fetchrow(
            """
            SELECT (SELECT coalesce(sum(points), 0)::bigint FROM issued_grant) AS issued,
                   (SELECT coalesce(sum(clawed_back), 0)::bigint FROM issued_grant) AS taken,
                   (SELECT coalesce(sum(points), 0)::bigint FROM claw_back) AS booked
            """
        )
        assert row is not None
        assert row["taken"] == row["booked"]
        return row["issued"], row["taken"]

    async def balances(self) -> dict[str, int]:
        """What each member was granted less what was clawed back; members with a grant only."""
        rows = await self.running.pool.fetch(
            "SELECT member_id, sum(points - clawed_back)::bigint AS points FROM issued_grant GROUP BY 1"
        )
        return {row["member_id"]: row["points"] for row in rows}

    async def outbox(self, topic: str) -> list[Any]:
        return await self.running.pool.fetch("SELECT * FROM outbox WHERE aggregatetype = $1 ORDER BY id", topic)

    async def redeliver(self, topic: str, *, partition: int = 0, recorded: datetime = NOW) -> int:
        """What relay and consumer do with a topic of ours that earning reads itself; returns how many came."""
        rows = await self.outbox(topic)
        await self.running.pool.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        if rows:
            await self.post(*(returned(row, recorded) for row in rows), partition=partition)
        return len(rows)

    async def assert_books_hold(self) -> None:
        """What must be true whatever happened: budgets sum, cost follows points, offsets add up."""
        pool = self.running.pool
        assert await pool.fetch(_WRONG_BUDGETS) == []
        assert await pool.fetch("SELECT event_key FROM decision EXCEPT SELECT event_key FROM inbox") == []
        assert await pool.fetch("SELECT event_key FROM inbox EXCEPT SELECT event_key FROM decision") == []
        assert await pool.fetch(_WRONG_RECEIPTS) == []


_WRONG_BUDGETS = """
SELECT b.budget_id FROM budget b
  LEFT JOIN (SELECT program_id, budget_id, sum(reserved_minor) AS reserved, sum(spent_minor) AS spent
               FROM budget_slice GROUP BY 1, 2) s USING (program_id, budget_id)
  LEFT JOIN (SELECT program_id, budget_id, sum(cost) AS cost
               FROM (SELECT program_id, budget_id, cost_minor - cost_returned_minor AS cost FROM issued_grant
                      UNION ALL
                     SELECT program_id, voucher_budget_id, voucher_cost_minor FROM referral
                      WHERE voucher_request_id IS NOT NULL) AS costs
              GROUP BY 1, 2) g USING (program_id, budget_id)
 WHERE b.approved_minor <> b.remainder_minor + s.reserved OR s.spent > s.reserved OR s.spent <> coalesce(g.cost, 0)
"""
_WRONG_RECEIPTS = """
SELECT receipt_key, drop_key, referral_key, occasion_key, count(*) FROM issued_grant
 GROUP BY receipt_key, drop_key, referral_key, occasion_key, member_id, class, budget_id HAVING count(*) > 1
"""


def returned(row: Any, recorded: datetime) -> Delivered:
    """An outbox row as it would come back from Kafka."""
    headers = STRUCTURED_HEADERS if row["headers"] is None else unpack_headers(row["headers"])
    milliseconds = int(recorded.timestamp() * 1000)
    return read_record(
        ConsumerRecord(
            topic=row["aggregatetype"], partition=partition_of(row["aggregateid"], 8), offset=0,
            timestamp=milliseconds, timestamp_type=1,
            key=row["aggregateid"], value=row["payload"], checksum=None, serialized_key_size=0,
            serialized_value_size=0, headers=headers,
        )
    )  # fmt: skip


@asynccontextmanager
async def started(
    dsn: str, *packs: ProgramPack, size: int = 12, shift: timedelta = timedelta()
) -> AsyncIterator[Earning]:
    """Migrate the schema and adopt the programs; without one, the harness's own. `shift` moves the database's clock."""
    seconds = int(shift.total_seconds())
    settings = Settings(kafka="unused", database=dsn, environment="test", clock_shift_seconds=seconds)
    pool = await connect_pool(settings, size=size)
    book = ProgramBook()
    try:
        async with pool.acquire() as connection:
            await migrate(connection, [MIGRATIONS, SERVICE.migrations])
            for each in packs or (program(),):
                version = ProgramVersion.of(each, each.effective_at, each.effective_at)
                book = book.with_record(version)
                await adopt_program(connection, version)
        yield Earning(Running(settings, pool, book), replace(SERVICE, books=EarningBooks()))
    finally:
        await pool.close()
