"""A worker that is frozen past its session with decided work in hand, and wakes when another has its partitions."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from shared.runtime.crash_points import DECIDED
from tests.faults.course import Course
from tests.faults.fault import Fault
from tests.faults.feeding import fed
from tests.faults.lost_reply import OFFSET_RE_READ
from tests.infrastructure.services import Services, eventually

SESSION_MILLISECONDS = 2500
GATE_SHUT = "gate shut, claiming again"
HAUNTED = ("earning", "redemption", "notification")
"""The services whose workers own partitions by an epoch; fraud monitoring's writes are named by what they say."""


@dataclass(frozen=True, slots=True)
class Claims:
    """A service's partition numbers with their epochs and owners, and the next offset of every topic of each."""

    epochs: Mapping[int, int]
    owners: Mapping[int, str]
    offsets: Mapping[tuple[str, int], int]


async def read_claims(services: Services, service: str) -> Claims:
    async with services.connection(service) as connection, connection.transaction(isolation="repeatable_read"):
        owned = await connection.fetch("SELECT partition, epoch, owner FROM partition_owner")
        offsets = await connection.fetch("SELECT topic, partition, next_offset FROM partition_offset")
    return Claims(
        {row["partition"]: row["epoch"] for row in owned},
        {row["partition"]: row["owner"] for row in owned},
        {(row["topic"], row["partition"]): row["next_offset"] for row in offsets},
    )


def stop_settings(point: str) -> Mapping[str, str]:
    """The environment of a process that freezes itself once, at `point`, and is soon missed by its group."""
    return {"GREENPOINTS_STOP_AT": point, "GREENPOINTS_SESSION_MILLISECONDS": str(SESSION_MILLISECONDS)}


async def claimed(services: Services, service: str, partitions: int = 8) -> None:
    """Wait until every partition number of the service has an owner."""

    async def all_owned() -> bool:
        return len((await read_claims(services, service)).epochs) == partitions

    await eventually(f"owner of each partition of {service}", all_owned)


async def frozen(services: Services, name: str) -> None:
    """Wait until the process has frozen itself at its stop point."""

    async def stopped() -> bool:
        return psutil.Process(services.running[name].pid).status() == psutil.STATUS_STOPPED

    await eventually(f"frozen {name}", stopped, pause=0.02)
    assert "stop point " in services.log(name)


def thaw(services: Services, name: str) -> None:
    services.running[name].send(signal.SIGCONT)


async def said(services: Services, name: str, words: str, *, seconds: float = 30, times: int = 1) -> None:
    """Wait until the process's log holds `words`, so many times."""

    async def logged() -> bool:
        return services.log(name).count(words) >= times

    await eventually(f'"{words}" in the log of {name}', logged, seconds=seconds)


@asynccontextmanager
async def begun(start: Coroutine[Any, Any, None], services: Services, name: str) -> AsyncIterator[None]:
    """A process being started, which may freeze before it is ready; what became of it is the caller's to see."""
    task = asyncio.create_task(start)
    try:
        while name not in services.running and not task.done():
            await asyncio.sleep(0.01)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Zombies(Fault):
    """A worker of each service freezes with decided work, wakes when another has its partitions, and finds out.

    The other one dies in the end, so that the one that woke has to work again.
    """

    name = "zombies"
    seconds = 8.0

    def environment(self, process: str) -> Mapping[str, str]:
        return {"GREENPOINTS_SESSION_MILLISECONDS": str(SESSION_MILLISECONDS)}

    async def act(self, course: Course) -> None:
        await course.until_share(course.dice.uniform(0.05, 0.2))
        async with fed(course):
            await asyncio.gather(*(self._haunt(course, service) for service in HAUNTED))

    async def _haunt(self, course: Course, service: str) -> None:
        services, heir = course.services, f"{service}-2"
        await course.kill(service)
        before = await read_claims(services, service)
        async with begun(course.start(service, stop_settings(DECIDED)), services, service):
            await frozen(services, service)
            course.progress.strike(f"{service} frozen")
            mine = await read_claims(services, service)
            await course.start(heir)

            async def taken_over() -> bool:
                now = await read_claims(services, service)
                return all(now.epochs[number] > mine.epochs[number] for number in mine.epochs)

            await eventually(f"heir of all partitions of {service}", taken_over)
            await asyncio.sleep(course.dice.uniform(0.1, 1.0))  # how long the heir works alone, drawn from the seed
            thaw(services, service)
            await found_out(services, service)
            course.note(f"{service}: frozen at epoch {max(before.epochs.values()) + 1}, its late batch refused")
        await course.kill(heir)


async def found_out(services: Services, name: str, *, seconds: float = 30) -> None:
    """Wait until the process has said that its batch was refused, or that it re-read its offset."""

    async def told() -> bool:
        after = services.log(name).rpartition("stop point ")[2]
        return GATE_SHUT in after or OFFSET_RE_READ in after

    await eventually(f"zombie {name} that has found out", told, seconds=seconds)
