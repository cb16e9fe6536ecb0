"""The floor: the rows of one run, posted again by bulk SQL alone.

What it does, exactly. The rows one worker's batches wrote (every table that grew, see staging.py) lie in unlogged
tables of the same database, in their final types, numbered by batch of 1,000 events. One call of `floor.post(n)` is one
transaction and one round trip: `INSERT INTO t (…) SELECT … FROM floor.t WHERE batch = n ORDER BY key` for each table,
with all its constraints, indexes, triggers and sequences, then the update of the budget slice and of the partition's
offset. Fsync is on; the tables start as the worker's did (the registered members' rows are there, nothing else).

What it is spared, and the worker pays: Kafka, JSON, deciding, reading any fact, encoding and sending rows, checking the
gate, hashing journal rows, parsing text into json. So it is the fastest this schema can be filled over one connection.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from shared.runtime.postgres import Connection
from tests.benchmarks.stage import INPUT, BenchmarkFailedError, Stage
from tests.benchmarks.staging import Staged
from tests.benchmarks.usage import Meter

_WARM_SHARE = 0.2
_REWIND = """
UPDATE partition_offset SET next_offset = first_offset, applied = 0, duplicate = 0, ignored = 0, forwarded = 0,
       dead_lettered = 0, gap = 0
 WHERE topic = $1
"""


@dataclass(frozen=True, slots=True)
class FloorRate:
    """Events per second of the steady part; CPU of PostgreSQL in microseconds, WAL in bytes, both per event."""

    per_second: float
    postgres_us: float
    wal_bytes: float


async def install(stage: Stage, staged: Staged) -> None:
    """Make `floor.post`; its SQL is static, so its plans are made once per connection."""
    inserts = "\n".join(f"{table.insert.replace('$1', 'wanted')};" for table in staged.tables)
    spend = (
        "UPDATE budget_slice AS s SET spent_minor = s.spent_minor + t.spent FROM floor.spent AS t "
        "WHERE t.batch = wanted AND s.budget_id = t.budget_id AND s.partition = t.partition;"
        if staged.service == "earning"
        else ""
    )
    async with stage.admin(staged.database) as connection:
        await connection.execute(
            f"""
            CREATE FUNCTION floor.post(wanted bigint) RETURNS void LANGUAGE plpgsql
            SET search_path = {staged.service}, pg_catalog AS $$
            BEGIN
                {inserts}
                {spend}
                UPDATE partition_offset AS o SET next_offset = o.next_offset + t.events, applied = o.applied + t.events
                  FROM floor.step AS t
                 WHERE t.batch = wanted AND o.topic = t.topic AND o.partition = t.partition;
            END $$
            """  # noqa: S608 - names of ours
        )


async def post_all(stage: Stage, staged: Staged, connections: int = 1) -> FloorRate:
    """Empty the tables, then post every batch, one after the other on each connection; the steady part counts."""
    async with stage.admin(staged.database) as admin:
        await empty(admin, staged)
        meter = Meter({}, stage.stack.pids.get("postgresql"))
        posters = [await _connect(stage, staged.database) for _ in range(connections)]
        try:
            warm = int(staged.batches * _WARM_SHARE)
            await _post(posters, range(warm))
            before, started = await meter.read(admin), time.perf_counter()
            await _post(posters, range(warm, staged.batches))
            seconds, used = time.perf_counter() - started, (await meter.read(admin)).since(before)
        finally:
            for poster in posters:
                await poster.close()
        await _check(admin, staged)
        events: int = await admin.fetchval("SELECT sum(events)::bigint FROM floor.step WHERE batch >= $1", warm)
    return FloorRate(events / seconds, used.postgres() * 1e6 / events, used.wal / events)


async def breakdown(stage: Stage, staged: Staged) -> Mapping[str, float]:
    """Microseconds per event of each table's INSERT and of the commit, one statement each; slower as a whole."""
    seconds: dict[str, float] = {table.name: 0.0 for table in staged.tables} | {"commit": 0.0}
    async with stage.admin(staged.database) as admin:
        await empty(admin, staged)
        await admin.execute(f"SET search_path = {staged.service}; SET enable_seqscan = off")
        statements = [(table.name, await admin.prepare(table.insert)) for table in staged.tables]
        for batch in range(staged.batches):
            await admin.execute("BEGIN")
            for name, statement in statements:
                started = time.perf_counter()
                await statement.fetch(batch)
                seconds[name] += time.perf_counter() - started
            started = time.perf_counter()
            await admin.execute("COMMIT")
            seconds["commit"] += time.perf_counter() - started
    return {name: spent * 1e6 / staged.events for name, spent in seconds.items()}


async def empty(admin: Connection, staged: Staged) -> None:
    """The tables as they were before the run, freshly made, with everything on disk."""
    await admin.execute(f"SET search_path = {staged.service}")
    names = [table.name for table in staged.tables]
    for name in names:
        await admin.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")  # the journal refuses to be emptied
    await admin.execute(f"TRUNCATE {', '.join(names)} CASCADE")
    for table in staged.tables:
        columns = ", ".join(table.columns)
        await admin.execute(
            f"INSERT INTO {table.name} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - names of ours
            f"SELECT {columns} FROM floor.before_{table.name}"
        )
        await admin.execute(f"ALTER TABLE {table.name} ENABLE TRIGGER USER")
    await admin.execute(_REWIND, INPUT[staged.service])
    if staged.service == "earning":
        await admin.execute("UPDATE budget_slice SET spent_minor = 0")
    await admin.execute("CHECKPOINT")


async def _connect(stage: Stage, database: str) -> "asyncpg.Connection[asyncpg.Record]":
    """With the settings of a service's own connection."""
    return await asyncpg.connect(
        stage.admin_dsn(database),
        server_settings={
            "application_name": "greenpoints floor",
            "jit": "off",
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
        },
    )


async def _post(posters: "list[asyncpg.Connection[asyncpg.Record]]", batches: range) -> None:
    async def post(poster: "asyncpg.Connection[asyncpg.Record]", turn: int) -> None:
        statement = await poster.prepare("SELECT floor.post($1)")
        for batch in batches[turn :: len(posters)]:
            await statement.fetchval(batch)

    await asyncio.gather(*(post(poster, turn) for turn, poster in enumerate(posters)))


async def _check(admin: Connection, staged: Staged) -> None:
    for table in staged.tables:
        rows = await admin.fetchval(
            f"SELECT (SELECT count(*) FROM {table.name}) - (SELECT count(*) FROM floor.before_{table.name})"  # noqa: S608
        )
        if rows != table.rows:
            raise BenchmarkFailedError(f"The floor wrote {rows} rows of {table.name}, the worker {table.rows}.")
