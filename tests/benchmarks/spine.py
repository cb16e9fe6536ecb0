"""Earning and redemption at work together, as `greenpoints up` runs them: a worker each, its relay beside it."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.local.processes import Child
from services.operator.serving import NICENESS_SETTING, workers_niceness
from shared.runtime.postgres import Connection
from tests.benchmarks.events import all_partitions, members_of, moment, purchases
from tests.benchmarks.stage import CONSUMING, INPUT, BenchmarkFailedError, Stage
from tests.benchmarks.usage import Meter

DATABASE = "bench_spine"
WORKING = ("earning", "redemption", "earning-relay", "redemption-relay")
_CONSUMES, _RELAYS = "consume,serve", "relay,serve"
_LOOK_SECONDS = 0.05
_STALLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """Events per second from Kafka to redemption's books, everything of it on this machine."""

    events: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


@asynccontextmanager
async def running_spine(stage: Stage) -> AsyncIterator[Mapping[str, Child]]:
    """Both services on a fresh copy of the prepared database, both at work when it is entered."""
    dsns, giving_way = await stage.copy(DATABASE), {NICENESS_SETTING: workers_niceness()}
    async with (
        stage.worker("earning", dsns["earning"], roles=_CONSUMES, environment=giving_way) as earning,
        stage.worker("redemption", dsns["redemption"], roles=_CONSUMES, environment=giving_way) as redemption,
        stage.worker("earning", dsns["earning"], roles=_RELAYS, name="earning-relay") as earning_relay,
        stage.worker("redemption", dsns["redemption"], roles=_RELAYS, name="redemption-relay") as redemption_relay,
        stage.admin(DATABASE) as connection,
    ):
        await _until_claimed(connection)
        yield dict(zip(WORKING, (earning, redemption, earning_relay, redemption_relay), strict=True))


async def measure_capacity(stage: Stage, members: int, events: int, seed: int) -> Capacity:
    """All `events` through both services, from earning's first commit to redemption's last; topics are made anew.

    The spine is left prepared for the members, on all partitions.
    """
    known = members_of(all_partitions(), members)
    await stage.prepare(known)
    await stage.publish(purchases("small", known, events, moment(), seed))
    async with running_spine(stage), stage.admin(DATABASE) as connection:
        started, moved_at, done = 0.0, time.perf_counter(), -1
        while True:
            handled = await handled_by(connection)
            now = time.perf_counter()
            if handled["earning"] and not started:
                started = now
            if (total := handled["earning"] + handled["redemption"]) > done:
                done, moved_at = total, now
            elif now - moved_at > _STALLED_SECONDS:
                raise BenchmarkFailedError(f"The spine stands at {handled} of {events} events.")
            if handled["redemption"] >= events:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        await check_lots(connection, events)
    return Capacity(events, now - started)


async def handled_by(connection: Connection) -> dict[str, int]:
    """Offsets handled so far, of purchases by earning and of grants by redemption."""
    return {
        service: await connection.fetchval(
            f"SELECT coalesce(sum(applied), 0)::bigint FROM {service}.partition_offset "  # noqa: S608 - names of ours
            "WHERE topic = $1",
            INPUT[service],
        )
        for service in CONSUMING
    }


async def check_lots(connection: Connection, events: int) -> None:
    lots = await connection.fetchval("SELECT count(*) FROM redemption.lot")
    if lots != events:
        raise BenchmarkFailedError(f"{events} purchases became {lots} lots.")


def spine_meter(stage: Stage, processes: Mapping[str, Child]) -> Meter:
    """Of the services, Kafka, and whatever else is named."""
    kafka = {"kafka": stage.stack.pids["kafka"]} if "kafka" in stage.stack.pids else {}
    return Meter({name: child.pid for name, child in processes.items()} | kafka, stage.stack.pids.get("postgresql"))


async def _until_claimed(connection: Connection, seconds: float = 60) -> None:
    """Every partition has an owner of this run: the prepared database's epochs have risen."""
    wanted = len(all_partitions())
    try:
        async with asyncio.timeout(seconds):
            for service in CONSUMING:
                owners = f"SELECT count(*) FROM {service}.partition_owner WHERE epoch > 1"  # noqa: S608 - names of ours
                while await connection.fetchval(owners) < wanted:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise BenchmarkFailedError(f"The services did not claim their partitions in {seconds:g} s.") from None
