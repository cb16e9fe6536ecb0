"""From the instant a purchase should have been sent to its lot in redemption's committed books, at half load."""

import asyncio
import statistics
import time
from dataclasses import dataclass, replace

from deploy.local.processes import Say
from services.operator.traffic.fruit import PROGRAM_ID
from shared.runtime.postgres import Connection
from tests.benchmarks.comparison import Plan
from tests.benchmarks.load import START_SECONDS, Load, latest_seconds, running_load
from tests.benchmarks.spine import DATABASE, Capacity, check_lots, handled_by, measure_capacity, running_spine
from tests.benchmarks.stage import BenchmarkFailedError, Stage

_POLL_SECONDS = 0.01
_SAMPLES_PER_SECOND = 100
_WARM_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0
_SUSTAINED_EVENTS = 120_000  # some 15 s: the first five, on empty tables, are faster than what lasts
# LATERAL … OFFSET 0: each is looked up by itself. As an EXISTS the plan, made on empty tables, read a whole index, and
# the observer became slower with every event.
_LOT_OF = """
SELECT m.member_id FROM unnest($1::text[]) AS m (member_id),
       LATERAL (SELECT FROM redemption.lot WHERE program_id = $2 AND member_id = m.member_id LIMIT 1 OFFSET 0) AS l
"""
_DECIDED = """
SELECT e.event_id FROM unnest($1::text[]) AS e (event_id),
       LATERAL (SELECT FROM earning.decision WHERE event_id = e.event_id LIMIT 1 OFFSET 0) AS d
"""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    worst: float


@dataclass(frozen=True, slots=True)
class Latency:
    """`decided` is until earning's commit, `balance` until redemption's; `rate` is what was sent, half the capacity.

    `sent_late` is the sender's greatest delay in seconds: it is inside the latencies.
    """

    capacity: Capacity
    rate: float
    seconds: float
    samples: int
    decided: Spread
    balance: Spread
    sent_late: float


async def measure_latency(stage: Stage, plan: Plan, say: Say) -> Latency:
    """First what the machine sustains from end to end, then half of that on an open schedule."""
    backlog = plan.events if plan.quick else max(plan.events, _SUSTAINED_EVENTS)
    say(f"earning, redemption and relays together: a backlog of {backlog} events")
    capacity = await measure_capacity(stage, plan.members, backlog, plan.seed)
    rate = capacity.per_second / 2
    seconds = _WARM_SECONDS + (15.0 if plan.quick else 60.0)
    load = Load(
        kafka=stage.kafka,
        name="half",
        rate=rate,
        seconds=seconds,
        members=plan.members,
        sample_every=max(1, round(rate / _SAMPLES_PER_SECOND)),
        start=0.0,
    )
    say(f"publish to balance at {rate:,.0f} events/s, half of {capacity.per_second:,.0f}, for {seconds:g} s")
    known = load.all_members
    await stage.prepare(known)
    async with running_spine(stage), stage.admin(DATABASE) as connection:
        # the samples are few and the tables grow: always by the index
        for way in ("seqscan", "hashjoin", "mergejoin"):
            await connection.execute(f"SET enable_{way} = off")
        load = replace(load, start=time.monotonic() + START_SECONDS)
        async with running_load(stage, load) as sender:
            decided, balance = await _poll(connection, load, known)
            late = await latest_seconds(sender)
        await _settle(connection, load.events)
        await check_lots(connection, load.events)
    return Latency(capacity, rate, seconds, len(balance), spread(decided), spread(balance), late)


async def _poll(connection: Connection, load: Load, known: list[str]) -> tuple[list[float], list[float]]:
    """Seconds of each sample after the warm-up, until earning's and until redemption's commit.

    A sample counts as visible when the answer that shows it is here: the poll's own time is inside.
    """
    undecided: dict[str, float] = {}
    unseen: dict[str, float] = {}
    decided: list[float] = []
    balance: list[float] = []
    sample, deadline = 0, load.due(load.events) + _PATIENCE_SECONDS
    while sample < load.samples or unseen or undecided:
        if time.monotonic() > deadline:
            raise BenchmarkFailedError(f"{len(unseen)} of {load.samples} samples never reached a balance.")
        while sample < load.samples and load.due(sample * load.sample_every) <= time.monotonic():
            place = sample * load.sample_every
            undecided[load.event_id(place)] = unseen[known[sample]] = load.due(place)
            sample += 1
        await _look(connection, undecided, decided, load, _DECIDED)
        await _look(connection, unseen, balance, load, _LOT_OF, PROGRAM_ID)
        await asyncio.sleep(_POLL_SECONDS)
    return decided, balance


async def _look(
    connection: Connection, waiting: dict[str, float], seen: list[float], load: Load, query: str, *more: str
) -> None:
    if not waiting:
        return
    rows = await connection.fetch(query, list(waiting), *more)
    now = time.monotonic()
    for row in rows:
        due = waiting.pop(row[0])
        if due >= load.start + _WARM_SECONDS:
            seen.append(now - due)


async def _settle(connection: Connection, events: int) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (await handled_by(connection))["redemption"] < events:
            await asyncio.sleep(0.1)


def spread(seconds: list[float]) -> Spread:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    p50, p95, p99 = (round(cuts[place - 1] * 1000, 1) for place in (50, 95, 99))
    return Spread(p50, p95, p99, round(max(seconds) * 1000, 1))
