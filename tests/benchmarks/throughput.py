"""Events per second from Kafka to the committed ledger, of one worker process working off a backlog."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.local.processes import Child
from shared.runtime.postgres import Connection
from tests.benchmarks.stage import INPUT, BenchmarkFailedError, Stage, refuse_ended
from tests.benchmarks.usage import Meter, Usage, peak_resident_bytes

_LOOK_SECONDS = 0.02
_STALLED_SECONDS = 60.0
# The steady part: without the first batches (empty caches, plans made) and without a partition that ran dry.
_WARM_SHARE, _LAST_SHARE = 0.2, 0.95
# What one event leaves behind, for the count of the books: one row each.
ONE_ROW_EACH = {"earning": ("inbox", "receipt", "issued_grant", "outbox"), "redemption": ("inbox", "lot", "journal")}

# Of the supermarket's: with 20 rules a receipt may have a grant of each budget.
MARKET_ROWS = ("inbox", "receipt")


@dataclass(frozen=True, slots=True)
class Rate:
    """The steady part of one run. CPU in microseconds per event, WAL in bytes per event.

    `peak_bytes` is the largest resident set the worker ever had, from its start to the backlog's end.
    """

    events: int
    seconds: float
    python_us: float
    postgres_us: float
    wal_bytes: float
    peak_bytes: int

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class _Mark:
    at: float
    events: int
    usage: Usage


async def work_off(
    stage: Stage,
    service: str,
    dsns: Mapping[str, str],
    database: str,
    *,
    module: Sequence[str] = (),
    one_row_each: Sequence[str] = (),
) -> Rate:
    """Start one worker on the backlog in Kafka, wait until `database` holds all of it, stop the worker.

    `module` with its arguments is run instead of the service's own. Raises BenchmarkFailedError when it stalls, or
    when the rows are not one per event: in `one_row_each`, else in the tables named above.
    """
    topic = INPUT[service]
    ends = await stage.ends(topic)
    async with stage.admin(database) as connection, stage.worker(service, dsns[service], module=module) as child:
        before = await _counts(connection, service, one_row_each or ONE_ROW_EACH[service])
        meter = Meter({"worker": child.pid}, stage.stack.pids.get("postgresql"))
        first, last = await _watch(connection, child, topic, ends, meter)
        rate = _rate(first, last, peak_resident_bytes(child.pid))
        await _check_books(connection, service, topic, sum(ends.values()), before)
        return rate


async def _watch(
    connection: Connection, child: Child, topic: str, ends: Mapping[int, int], meter: Meter
) -> tuple[_Mark, _Mark]:
    """The beginning and the end of the steady part."""
    service = child.name
    look = await connection.prepare(
        f"SELECT partition, next_offset FROM {service}.partition_offset "  # noqa: S608 - names of ours
        "WHERE topic = $1 AND next_offset > 0"
    )
    total = sum(ends.values())
    first: _Mark | None = None
    last: _Mark | None = None
    done, moved_at = 0, time.perf_counter()
    while done < total:
        await asyncio.sleep(_LOOK_SECONDS)
        refuse_ended(child)
        offsets = {row["partition"]: row["next_offset"] for row in await look.fetch(topic)}
        now, before, done = time.perf_counter(), done, sum(offsets.values())
        if done > before:
            moved_at = now
        elif now - moved_at > _STALLED_SECONDS:
            raise BenchmarkFailedError(f"{service} stands at {done} of {total} events of {topic}.")
        if first is None and done >= total * _WARM_SHARE and done > before:
            first = _Mark(now, done, await meter.read(connection))
        elif (
            last is None
            and done > before
            and (done >= total * _LAST_SHARE or any(offsets.get(number, 0) >= end for number, end in ends.items()))
        ):
            last = _Mark(now, done, await meter.read(connection))
    if first is None or last is None or last.events <= first.events:
        raise BenchmarkFailedError(f"{service} was through with {total} events too fast to measure; publish more.")
    return first, last


def _rate(first: _Mark, last: _Mark, peak_bytes: int) -> Rate:
    events, used = last.events - first.events, last.usage.since(first.usage)
    return Rate(
        events=events,
        seconds=last.at - first.at,
        python_us=used.cpu.get("worker", 0.0) * 1e6 / events,
        postgres_us=used.postgres() * 1e6 / events,
        wal_bytes=used.wal / events,
        peak_bytes=peak_bytes,
    )


async def _counts(connection: Connection, service: str, tables: Sequence[str]) -> Mapping[str, int]:
    return {
        table: await connection.fetchval(f"SELECT count(*) FROM {service}.{table}")  # noqa: S608 - names of ours
        for table in tables
    }


async def _check_books(
    connection: Connection, service: str, topic: str, events: int, before: Mapping[str, int]
) -> None:
    after = await _counts(connection, service, tuple(before))
    if wrong := {table: rows - before[table] for table, rows in after.items() if rows - before[table] != events}:
        raise BenchmarkFailedError(f"{service} handled {events} events, but wrote {wrong} rows.")
    applied = await connection.fetchval(
        f"SELECT sum(applied) FROM {service}.partition_offset WHERE topic = $1",  # noqa: S608 - names of ours
        topic,
    )
    if applied != events:
        raise BenchmarkFailedError(f"{service} applied {applied} of {events} events.")
