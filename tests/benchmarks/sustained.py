"""Steady load for minutes: how the rate holds, what every process spends, and what therefore limits it."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import psutil

from deploy.local.processes import Child, Say
from shared.runtime.postgres import Connection
from tests.benchmarks.comparison import Plan
from tests.benchmarks.events import all_partitions, members_of, moment, purchases
from tests.benchmarks.load import START_SECONDS, Load, latest_seconds, running_load
from tests.benchmarks.spine import DATABASE, WORKING, handled_by, measure_capacity, running_spine, spine_meter
from tests.benchmarks.stage import Stage
from tests.benchmarks.usage import Meter, Usage

WINDOW_SECONDS = 10.0
_SHARE = 0.7
# More of a backlog than the rate measured over a short run could work off.
_SPARE, _MOST_EVENTS = 1.3, 6_000_000
_WAIT_LOOK_SECONDS = 0.25
_BUSY_CORE, _BUSY_MACHINE = 0.85, 0.9
_WAITS = """
SELECT usename || ' ' || coalesce(wait_event_type || ':' || wait_event, 'running') FROM pg_stat_activity
 WHERE datname = $1 AND state <> 'idle' AND application_name <> 'greenpoints benchmark'
   AND backend_type = 'client backend'
"""
_CHECKPOINTS = """
SELECT checkpoints_timed + checkpoints_req AS checkpoints, checkpoint_write_time, checkpoint_sync_time,
       buffers_checkpoint, buffers_clean, buffers_backend FROM pg_stat_bgwriter
"""


@dataclass(frozen=True, slots=True)
class Window:
    """About ten seconds. Rates per second; `cpu` in cores by process; `behind` counts events not yet lots."""

    seconds: float
    sent: float
    earning: float
    redemption: float
    behind: int
    wal_bytes: float
    checkpoints: int
    machine: float
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sustained:
    """`target` is the load's rate, None = a backlog that is always there.

    `waits` is the mean number of sessions seen in a state, by role and what it waits for.
    """

    name: str
    target: float | None
    windows: tuple[Window, ...]
    waits: Mapping[str, float]
    checkpointer: Mapping[str, float]
    sent_late: float | None

    def mean(self, figure: str) -> float:
        return statistics.fmean(float(getattr(window, figure)) for window in self.windows)

    def cpu(self) -> Mapping[str, float]:
        """Cores by process, over all windows."""
        names = {name for window in self.windows for name in window.cpu}
        shares = {name: statistics.fmean(window.cpu.get(name, 0.0) for window in self.windows) for name in names}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def limit(self) -> str:
        """What the figures point at; a sentence."""
        cpu = self.cpu()
        parts = []
        full = [name for name in (*WORKING, "kafka") if cpu.get(name, 0.0) >= _BUSY_CORE]
        parts += [f"the {name} process keeps {cpu[name]:.2f} of a core busy: it is at its limit" for name in full]
        if self.mean("machine") >= _BUSY_MACHINE:
            parts.append(f"{self.mean('machine'):.0%} of all cores are busy: the machine is at its limit")
        for name, sessions in self.waits.items():
            role, state = name.split(" ", 1)
            if state != "running" and sessions >= 0.2:
                awaited = "their own worker process" if state == "Client:ClientRead" else state
                parts.append(f"{sessions:.2f} sessions of {role} wait for {awaited}")
        return "; ".join(parts) or "nothing is at its limit"


async def measure_sustained(stage: Stage, plan: Plan, seconds: int, say: Say) -> list[Sustained]:
    """At 70% of what the machine sustains, then with a backlog that does not end."""
    say(f"earning, redemption and relays together: a backlog of {plan.events} events")
    capacity = await measure_capacity(stage, plan.members, plan.events, plan.seed)
    rate = capacity.per_second * _SHARE
    say(f"{seconds} s at {rate:,.0f} events/s, 70% of {capacity.per_second:,.0f}")
    steady = await _steady(stage, plan, rate, seconds)
    backlog = min(int(capacity.per_second * seconds * _SPARE) + plan.events, _MOST_EVENTS)
    say(f"{seconds} s on a backlog of {backlog:,} events")
    return [steady, await _full(stage, plan, backlog, seconds)]


async def _steady(stage: Stage, plan: Plan, rate: float, seconds: int) -> Sustained:
    load = Load(
        kafka=stage.kafka,
        name="steady",
        rate=rate,
        seconds=seconds,
        members=plan.members,
        sample_every=max(1, int(rate * seconds)),  # nobody is sampled
        start=0.0,
    )
    await stage.prepare(load.all_members)
    async with running_spine(stage) as services, AsyncExitStack() as exits:
        load = replace(load, start=time.monotonic() + START_SECONDS)
        sender = await exits.enter_async_context(running_load(stage, load))
        await asyncio.sleep(START_SECONDS)
        windows, waits, checkpointer = await _watch(stage, {**services, "sender": sender}, seconds)
        late = await latest_seconds(sender)
    return Sustained("70%", rate, windows, waits, checkpointer, late)


async def _full(stage: Stage, plan: Plan, backlog: int, seconds: int) -> Sustained:
    members = members_of(all_partitions(), plan.members)
    await stage.prepare(members)
    await stage.publish(purchases("small", members, backlog, moment(), plan.seed))
    async with running_spine(stage) as services:
        windows, waits, checkpointer = await _watch(stage, services, seconds, backlog)
    return Sustained("backlog", None, windows, waits, checkpointer, None)


async def _watch(
    stage: Stage, processes: Mapping[str, Child], seconds: int, backlog: int | None = None
) -> tuple[tuple[Window, ...], Mapping[str, float], Mapping[str, float]]:
    """A window after the other, until `seconds` have passed or earning has worked off the backlog."""
    meter = spine_meter(stage, processes)
    waits: Counter[str] = Counter()
    windows: list[Window] = []
    async with stage.admin(DATABASE) as connection:
        begun = dict(await connection.fetchrow(_CHECKPOINTS) or {})
        last = await _Moment.now(stage, connection, meter)
        psutil.cpu_percent()
        end, looks = time.monotonic() + seconds, 0
        while time.monotonic() < end and (backlog is None or last.handled["earning"] < backlog):
            window_end = min(end, last.at + WINDOW_SECONDS)
            while time.monotonic() < window_end:
                waits.update(row[0] for row in await connection.fetch(_WAITS, DATABASE))
                looks += 1
                await asyncio.sleep(_WAIT_LOOK_SECONDS)
            now = await _Moment.now(stage, connection, meter)
            windows.append(now.window_since(last))
            last = now
        ended = dict(await connection.fetchrow(_CHECKPOINTS) or {})
    shares = {name: number / looks for name, number in waits.most_common(12)}
    return tuple(windows), shares, {name: float(ended[name] - begun[name]) for name in ended}


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    published: int
    handled: Mapping[str, int]
    usage: Usage
    checkpoints: int

    @staticmethod
    async def now(stage: Stage, connection: Connection, meter: Meter) -> "_Moment":
        return _Moment(
            time.monotonic(),
            sum((await stage.ends("pos.purchases.v1")).values()),
            await handled_by(connection),
            await meter.read(connection),
            await connection.fetchval("SELECT checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter"),
        )

    def window_since(self, earlier: "_Moment") -> Window:
        seconds, used = self.at - earlier.at, self.usage.since(earlier.usage)
        return Window(
            seconds=seconds,
            sent=(self.published - earlier.published) / seconds,
            earning=(self.handled["earning"] - earlier.handled["earning"]) / seconds,
            redemption=(self.handled["redemption"] - earlier.handled["redemption"]) / seconds,
            behind=self.published - self.handled["redemption"],
            wal_bytes=used.wal / seconds,
            checkpoints=self.checkpoints - earlier.checkpoints,
            machine=psutil.cpu_percent() / 100,
            cpu={name: round(spent / seconds, 3) for name, spent in used.cpu.items() if spent / seconds >= 0.001},
        )
