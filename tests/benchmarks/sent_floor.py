"""The second floor: the same rows sent by a client, one array a column, and posted by bulk SQL alone.

Per batch of 1,000 events one transaction on one connection: `INSERT INTO t (…) SELECT … FROM unnest($1::…[], …)` for
each table, the update of the budget slice and of the partition's offset, COMMIT. The arrays are ready in the client's
memory before the clock runs; encoding and sending them is what any client has to do, so it counts here, where floor.py
is spared it. Kafka, JSON, deciding, facts, dedupe, the gate and the journal's hashes cost nothing here either.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import uvloop

from shared.runtime.postgres import Connection
from tests.benchmarks.floor import FloorRate, empty
from tests.benchmarks.stage import Stage
from tests.benchmarks.staging import Staged, Table
from tests.benchmarks.usage import Meter

_WARM_SHARE = 0.2
_SPEND = (
    "UPDATE budget_slice SET spent_minor = spent_minor + $1 "
    "WHERE budget_id = $2 AND partition = $3 AND spent_minor + $1 <= reserved_minor"
)
_OFFSET = (
    "UPDATE partition_offset SET next_offset = next_offset + $3, applied = applied + $3 "
    "WHERE topic = $1 AND partition = $2"
)
_TYPES = """
SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type FROM pg_attribute AS a
 WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
Columns: TypeAlias = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class _Step:
    """One batch: per table its ready columns, and per budget what it spends."""

    topic: str
    partition: int
    events: int
    spent: Mapping[str, int]
    columns: Mapping[str, Columns]


async def send_all(stage: Stage, staged: Staged) -> FloorRate:
    """Empty the tables, then send every batch, one after the other; the steady part counts."""
    async with stage.admin(staged.database) as admin:
        await empty(admin, staged)
        types = {table.name: await _types(admin, table) for table in staged.tables}
        inserts = {table.name: _insert(table, types[table.name]) for table in staged.tables}
        steps = [await _step(admin, staged, types, number) for number in range(staged.batches)]
        meter = Meter({}, stage.stack.pids.get("postgresql"))
        warm = int(staged.batches * _WARM_SHARE)
        dsn = stage.admin_dsn(staged.database)
        # a loop of its own: services run on uvloop, and this process's own cannot
        await asyncio.to_thread(uvloop.run, _send(dsn, staged.service, inserts, steps[:warm]))
        before = await meter.read(admin)
        seconds = await asyncio.to_thread(uvloop.run, _send(dsn, staged.service, inserts, steps[warm:]))
        used = (await meter.read(admin)).since(before)
    events = sum(step.events for step in steps[warm:])
    return FloorRate(events / seconds, used.postgres() * 1e6 / events, used.wal / events)


async def _types(admin: Connection, table: Table) -> Mapping[str, str]:
    return {row["name"]: row["type"] for row in await admin.fetch(_TYPES, table.name)}


def _insert(table: Table, types: Mapping[str, str]) -> str:
    """One array parameter a column; JSON and arrays travel as text, for unnest would take these apart."""
    sent = ["text" if _is_text(types[name]) else types[name] for name in table.given]
    arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(sent, 1))
    columns = ", ".join(table.given)
    values = ", ".join(f"{name}::{types[name]}" for name in table.given)
    return f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM unnest({arrays}) AS t ({columns})"  # noqa: S608


def _is_text(type_: str) -> bool:
    return type_ in ("json", "account") or type_.endswith("[]")


async def _step(admin: Connection, staged: Staged, types: Mapping[str, Mapping[str, str]], batch: int) -> _Step:
    told = await admin.fetchrow("SELECT topic, partition, events FROM floor.step WHERE batch = $1", batch)
    assert told is not None
    spending = await admin.fetch("SELECT budget_id, spent FROM floor.spent WHERE batch = $1 ORDER BY 1", batch)
    spent = {row["budget_id"]: row["spent"] for row in spending}
    columns: dict[str, Columns] = {}
    for table in staged.tables:
        order = ", ".join(column for column in table.key if column in table.given) or "nth"
        given = ", ".join(f"{name}::text" if _is_text(types[table.name][name]) else name for name in table.given)
        rows = await admin.fetch(
            f"SELECT {given} FROM floor.{table.name} WHERE batch = $1 ORDER BY {order}",  # noqa: S608
            batch,
        )
        columns[table.name] = [list(column) for column in zip(*rows, strict=True)]
    return _Step(told["topic"], told["partition"], told["events"], spent, columns)


async def _send(dsn: str, service: str, inserts: Mapping[str, str], steps: Sequence[_Step]) -> float:
    """Seconds that the batches took; connecting and preparing are not counted."""
    sender = await asyncpg.connect(
        dsn,
        server_settings={
            "application_name": "greenpoints floor",
            "jit": "off",
            "plan_cache_mode": "force_generic_plan",
            "search_path": f"{service}, pg_catalog",
        },
    )
    try:
        prepared = {name: await sender.prepare(insert) for name, insert in inserts.items()}
        started = time.perf_counter()
        for step in steps:
            async with sender.transaction():
                for name, columns in step.columns.items():
                    if columns:
                        await prepared[name].fetch(*columns)
                for budget_id, spent in step.spent.items():
                    await sender.execute(_SPEND, spent, budget_id, step.partition)
                await sender.execute(_OFFSET, step.topic, step.partition, step.events)
        return time.perf_counter() - started
    finally:
        await sender.close()
