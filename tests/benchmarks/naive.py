"""The naive way: one transaction per event, row by row, as a straightforward service would write it.

Per event: BEGIN, is it in the inbox, read the facts it needs, one INSERT per row, the balance (the budget slice, or the
wallet's lock), the outbox, the offset, COMMIT. Prepared statements, values from memory (decoding and deciding cost it
nothing), uvloop, fsync on. Every connection has a partition of its own, so none waits for another's offset row.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import uvloop

from tests.benchmarks.floor import empty
from tests.benchmarks.stage import INPUT, Stage
from tests.benchmarks.staging import Staged
from tests.benchmarks.usage import Meter

Event: TypeAlias = dict[str, list[asyncpg.Record]]  # table → the event's rows in it
_MOST_PER_SECOND = 3000  # of one connection: how many events are kept ready
_SLICE_MINOR = 10**9
_FACTS = {
    "earning": (
        ("inbox", "SELECT content_hash FROM inbox WHERE event_key = $1", ("event_key",)),
        (
            "decision",
            "SELECT registered_at, phone_verified FROM member WHERE program_id = $1 AND member_id = $2",
            ("program_id", "member_id"),
        ),
        ("receipt", "SELECT outcome FROM receipt WHERE receipt_key = $1", ("receipt_key",)),
    ),
    "redemption": (
        ("inbox", "SELECT content_hash FROM inbox WHERE event_key = $1", ("event_key",)),
        (
            "lot",
            "SELECT deficit FROM wallet WHERE program_id = $1 AND member_id = $2 FOR UPDATE",
            ("program_id", "member_id"),
        ),
        ("lot", "SELECT points FROM lot WHERE lot_id = $1", ("lot_id",)),
    ),
}
_SPEND = (
    "UPDATE budget_slice SET spent_minor = spent_minor + $3 "
    "WHERE partition = $4 AND program_id = $1 AND budget_id = $2 AND spent_minor + $3 <= reserved_minor"
)
_OFFSET = (
    "UPDATE partition_offset SET next_offset = next_offset + 1, applied = applied + 1 "
    "WHERE topic = $1 AND partition = $2"
)


@dataclass(frozen=True, slots=True)
class NaiveRate:
    connections: int
    events: int
    seconds: float
    postgres_us: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


async def post_for(stage: Stage, staged: Staged, connections: int, seconds: float) -> NaiveRate:
    """Post events one by one for `seconds`, on tables emptied before."""
    async with stage.admin(staged.database) as admin:
        await empty(admin, staged)
        if staged.service == "earning":
            await _reserve_everywhere(admin)
        events = await _events(admin, staged, int(connections * seconds * _MOST_PER_SECOND))
        meter = Meter({}, stage.stack.pids.get("postgresql"))
        before = await meter.read(admin)
        # a loop of its own: services run on uvloop, and this process's own cannot
        posted, took = await asyncio.to_thread(
            uvloop.run, _post(stage.admin_dsn(staged.database), staged, events, connections, seconds)
        )
        used = (await meter.read(admin)).since(before)
    return NaiveRate(connections, posted, took, used.postgres() * 1e6 / posted)


async def _post(
    dsn: str, staged: Staged, events: Sequence[Event], connections: int, seconds: float
) -> tuple[int, float]:
    """Events posted, and the seconds that took."""
    posters = [await _connect(dsn, staged.service) for _ in range(connections)]
    try:
        started = time.perf_counter()
        posted = await asyncio.gather(
            *(
                _post_until(started + seconds, poster, staged, partition, events[partition::connections])
                for partition, poster in enumerate(posters)
            )
        )
        return sum(posted), time.perf_counter() - started
    finally:
        for poster in posters:
            await poster.close()


async def _post_until(
    deadline: float,
    poster: "asyncpg.Connection[asyncpg.Record]",
    staged: Staged,
    partition: int,
    events: Sequence[Event],
) -> int:
    inserts = {table.name: _insert(table.name, table.given) for table in staged.tables}
    for posted, event in enumerate(events):
        if time.perf_counter() >= deadline:
            return posted
        async with poster.transaction():
            for table, select, columns in _FACTS[staged.service]:
                await poster.fetchrow(select, *(event[table][0][column] for column in columns))
            for table, rows in event.items():
                for row in rows:
                    await poster.execute(inserts[table], *row)
            for grant in event.get("issued_grant", ()):
                await poster.execute(_SPEND, grant["program_id"], grant["budget_id"], grant["cost_minor"], partition)
            await poster.execute(_OFFSET, INPUT[staged.service], partition)
    return len(events)


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names of ours


async def _events(admin: "asyncpg.Connection[asyncpg.Record]", staged: Staged, most: int) -> list[Event]:
    """The rows of the first `most` events, by event."""
    events: dict[tuple[int, int], Event] = defaultdict(dict)
    for table in staged.tables:
        columns = ", ".join(table.given)
        places = await admin.fetch(
            f"SELECT turn, event FROM floor.{table.name} WHERE event < $1 ORDER BY turn, event, nth",  # noqa: S608
            most,
        )
        rows = await admin.fetch(
            f"SELECT {columns} FROM floor.{table.name} WHERE event < $1 ORDER BY turn, event, nth",  # noqa: S608
            most,
        )
        for place, row in zip(places, rows, strict=True):
            events[place["turn"], place["event"]].setdefault(table.name, []).append(row)
    whole = len(staged.tables)
    return [event for event in events.values() if len(event) == whole]


async def _reserve_everywhere(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Every partition gets a slice of the budget large enough."""
    async with admin.transaction():
        await admin.execute("UPDATE budget_slice SET reserved_minor = $1", _SLICE_MINOR)
        await admin.execute(
            "UPDATE budget AS b SET remainder_minor = approved_minor - (SELECT sum(reserved_minor) "
            "FROM budget_slice AS s WHERE s.program_id = b.program_id AND s.budget_id = b.budget_id)"
        )


async def _connect(dsn: str, service: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(
        dsn,
        server_settings={
            "application_name": "greenpoints naive",
            "jit": "off",
            "enable_seqscan": "off",  # as the services: plans are made on tables that are still empty
            "search_path": f"{service}, pg_catalog",
        },
    )
