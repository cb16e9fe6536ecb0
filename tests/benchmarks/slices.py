"""What budget slices cost: earning's batches with real slices, and with one so large that it is never fetched again.

Two copies of one prepared database take the same purchases batch by batch, in turn, by the worker's own load, decide
and save in the measuring process, without Kafka. A batch that outgrows its slice fetches more before it is saved: that
is the price. How often it is paid follows from how long the budget lasts, so two budgets are measured.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from deploy.local.processes import Say
from services.earning.app import SERVICE
from services.earning.desk import EarningDesk
from services.earning.metrics import SLICES_FETCHED
from services.earning.store.books import EarningBooks
from services.operator.traffic.fruit import PROGRAM_ID
from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.programs.versions import ProgramBook
from shared.runtime import gate
from shared.runtime.batch import Batch, read_record
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.log_lines import configure_logging
from shared.runtime.postgres import connect_pool
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.service import Running
from shared.runtime.settings import Settings
from tests.benchmarks.comparison import Plan
from tests.benchmarks.events import PURCHASES, members_of, moment, purchases
from tests.benchmarks.report_spine import verdict
from tests.benchmarks.stage import PREPARED, BenchmarkFailedError, Stage
from tests.benchmarks.usage import cpu_seconds

TARGET_PERCENT = 3.0
LASTS_EVENTS = (1_000_000, 100_000)
_PARTITION = 1
_SLICED, _WHOLE = "bench_sliced", "bench_whole"
# One slice of all that is left, or all of it left to be fetched from.
_APPROVE = """
UPDATE budget AS b
   SET approved_minor = $2::bigint + s.spent, remainder_minor = CASE WHEN $3 THEN 0 ELSE $2::bigint END
  FROM (SELECT budget_id, sum(spent_minor)::bigint AS spent FROM budget_slice WHERE program_id = $1 GROUP BY 1)
       AS s
 WHERE b.program_id = $1 AND b.budget_id = s.budget_id
"""
_RESERVE = """
UPDATE budget_slice
   SET reserved_minor = spent_minor + CASE WHEN $3 AND partition = $4 THEN $2::bigint ELSE 0 END
 WHERE program_id = $1
"""
_SPENT = "SELECT sum(spent_minor)::bigint FROM earning.budget_slice WHERE program_id = $1"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds per event: the shortest time of each batch over the repetitions; PostgreSQL's of whole runs."""

    wall_us: float
    python_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True)
class SliceCost:
    """`lasts_events`: how many purchases the whole budget pays; `fetches` of one run of `events`."""

    lasts_events: int
    events: int
    batches: int
    fetches: int
    sliced: Cost
    whole: Cost

    @property
    def percent(self) -> float:
        """Of throughput: by how much longer the batches take."""
        return 100 * (1 - self.whole.wall_us / self.sliced.wall_us)

    @property
    def python_percent(self) -> float:
        return 100 * (1 - self.whole.python_us / self.sliced.python_us)

    @property
    def postgres_percent(self) -> float:
        return 100 * (1 - self.whole.postgres_us / self.sliced.postgres_us)


@dataclass(slots=True)
class _Worker:
    """One owner of a partition with its database; times per batch."""

    run: BatchRun[EarningDesk]
    backend: int
    fetches: float = 0
    wall: list[float] = field(default_factory=list)
    python: list[float] = field(default_factory=list)
    postgres: float = 0.0

    async def post(self, batch: Batch) -> None:
        fetched = _fetched()
        database, wall, python = cpu_seconds(self.backend) or 0.0, time.perf_counter(), time.process_time()
        await self.run.post(batch)
        self.python.append(time.process_time() - python)
        self.wall.append(time.perf_counter() - wall)
        self.fetches += _fetched() - fetched
        self.postgres += (cpu_seconds(self.backend) or 0.0) - database


def _fetched() -> float:
    return next(sample.value for family in SLICES_FETCHED.collect() for sample in family.samples)


async def measure_slices(stage: Stage, plan: Plan, say: Say) -> list[SliceCost]:
    """For each budget one after the other; some seconds per repetition."""
    configure_logging("WARNING")  # a fetch is told at the level of debugging, which a worker does not write
    members = members_of((_PARTITION,), plan.members)
    await stage.prepare(members)
    batches = _batches(members, plan)
    cost_minor = await _cost_of(stage, batches)
    found = []
    for lasts in LASTS_EVENTS:
        pairs = [
            await _pair(stage, batches, budget_minor=cost_minor * lasts // plan.events)
            for _ in range(2 if plan.quick else 5)
        ]
        found.append(_compared(lasts, plan.events, len(batches), pairs))
        for line in lines(found[-1:]):
            say(line)
    return found


def _batches(members: list[str], plan: Plan) -> list[Batch]:
    """As a busy worker reads them: full ones of one topic."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    size = Settings.model_fields["batch_records"].default
    records = [
        read_record(
            ConsumerRecord(
                topic=PURCHASES, partition=_PARTITION, offset=offset, timestamp=now, timestamp_type=1, key=sent.key,
                value=sent.value, checksum=None, serialized_key_size=0, serialized_value_size=0,
                headers=STRUCTURED_HEADERS,
            )
        )
        for offset, sent in enumerate(purchases("small", members, plan.events, moment(), plan.seed))
    ]  # fmt: skip
    return [
        Batch(PURCHASES, _PARTITION, start, start + len(part), part)
        for start in range(0, len(records), size)
        for part in [records[start : start + size]]
    ]


async def _cost_of(stage: Stage, batches: Sequence[Batch]) -> int:
    """Minor units that the whole backlog costs; the process is warm afterwards."""
    async with _worker(stage, _WHOLE, 10**14, whole=True) as worker, stage.admin(_WHOLE) as connection:
        before = await connection.fetchval(_SPENT, PROGRAM_ID)
        for batch in batches:
            await worker.post(batch)
        spent: int = await connection.fetchval(_SPENT, PROGRAM_ID) - before
    return spent


async def _pair(stage: Stage, batches: Sequence[Batch], *, budget_minor: int) -> tuple[_Worker, _Worker]:
    """Both kinds over all batches, each going first half of the time."""
    async with AsyncExitStack() as both:
        sliced = await both.enter_async_context(_worker(stage, _SLICED, budget_minor, whole=False))
        whole = await both.enter_async_context(_worker(stage, _WHOLE, budget_minor, whole=True))
        for number, batch in enumerate(batches):
            for worker in (sliced, whole) if number % 2 else (whole, sliced):
                await worker.post(batch)
        if whole.fetches or not sliced.fetches:
            raise BenchmarkFailedError("Slices were fetched where none should be, or none where some should be.")
        return sliced, whole


@asynccontextmanager
async def _worker(stage: Stage, database: str, budget_minor: int, *, whole: bool) -> AsyncIterator[_Worker]:
    """The owner of the partition in a fresh copy, with a single session, so that its CPU can be told."""
    dsns = await stage.copy(database, of=PREPARED)
    async with stage.admin(database) as connection, connection.transaction():
        await connection.execute("SET LOCAL search_path = earning")  # the sum is tested at the end of the transaction
        await connection.execute(_RESERVE, PROGRAM_ID, budget_minor, whole, _PARTITION)
        await connection.execute(_APPROVE, PROGRAM_ID, budget_minor, whole)
    settings = Settings.model_validate({"kafka": stage.kafka, "database": dsns["earning"], "environment": "test"})
    pool = await connect_pool(settings, size=1)
    running = Running(settings, pool, ProgramBook())
    feed = ProgramFeed(running, None)
    try:
        await feed.start()
        await feed.stop()
        async with pool.acquire() as session:
            epoch = await gate.claim(session, _PARTITION, "benchmark")
            await gate.begin_offsets(session, _PARTITION, {PURCHASES: 0})
            backend = await session.fetchval("SELECT pg_backend_pid()")
        run = BatchRun(replace(SERVICE, books=EarningBooks()), running, epoch, DeadLetterLimit(2000, 95))
        yield _Worker(run, backend)
    finally:
        await asyncio.wait_for(pool.close(), 10)


def _compared(lasts: int, events: int, batches: int, pairs: Sequence[tuple[_Worker, _Worker]]) -> SliceCost:
    sliced, whole = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return SliceCost(lasts, events, batches, round(sliced[0].fetches), _cost(sliced, events), _cost(whole, events))


def _cost(runs: Sequence[_Worker], events: int) -> Cost:
    """What else the machine does lengthens some times, never the shortest of many."""
    return Cost(
        wall_us=sum(map(min, zip(*(run.wall for run in runs), strict=True))) * 1e6 / events,
        python_us=sum(map(min, zip(*(run.python for run in runs), strict=True))) * 1e6 / events,
        postgres_us=min(run.postgres for run in runs) * 1e6 / events,
    )


def lines(found: Sequence[SliceCost]) -> list[str]:
    return [
        f"slices: a budget of {one.lasts_events:,} purchases, {one.fetches} fetches in {one.batches} batches of "
        f"{one.events:,}: {one.sliced.wall_us:.1f} µs an event, {one.whole.wall_us:.1f} without; "
        f"{one.percent:.1f}% of throughput {verdict(one.percent, TARGET_PERCENT, at_most=True)} "
        f"(CPU: Python {one.python_percent:.1f}%, PostgreSQL {one.postgres_percent:.1f}%)"
        for one in found
    ]
