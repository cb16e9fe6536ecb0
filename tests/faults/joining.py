"""Workers join and leave with work in hand: each is frozen in the middle of a batch and told to go, or killed."""

import asyncio
import contextlib
import signal
from collections.abc import Mapping

from shared.runtime.crash_points import DECIDED
from tests.faults.course import Course
from tests.faults.fault import Fault
from tests.faults.feeding import fed
from tests.faults.zombie import HAUNTED, SESSION_MILLISECONDS, begun, frozen, stop_settings, thaw


class Joining(Fault):
    """Two workers of each service come and go by SIGTERM and by SIGKILL, always mid-batch; in the end two are there."""

    name = "joining and leaving"
    seconds = 8.0

    def __init__(self, rounds: int = 1) -> None:
        self._rounds = rounds

    def environment(self, process: str) -> Mapping[str, str]:
        return {"GREENPOINTS_SESSION_MILLISECONDS": str(SESSION_MILLISECONDS)}

    async def act(self, course: Course) -> None:
        async with fed(course):
            await asyncio.gather(*(self._come_and_go(course, service) for service in HAUNTED))

    async def _come_and_go(self, course: Course, service: str) -> None:
        second = f"{service}-2"
        for round_ in range(1, self._rounds + 1):
            if service == "earning":
                await course.until_share(0.5 * round_ / (self._rounds + 1))
            await course.kill(service)
            await self._visit(course, service, signal.SIGTERM)
            await self._visit(course, second, signal.SIGKILL)
            await asyncio.gather(course.start(service), course.start(second))
            await self._leave(course, second)
        await course.start(second)

    async def _visit(self, course: Course, name: str, parting: signal.Signals) -> None:
        """Join, freeze in the middle of a batch, and leave from there."""
        async with begun(course.start(name, stop_settings(DECIDED)), course.services, name):
            await frozen(course.services, name)
            course.progress.strike(f"{name} leaves by {parting.name}")
            course.services.running[name].send(parting)
            thaw(course.services, name)
            await self._gone(course, name)
        course.note(f"{name}: left mid-batch by {parting.name}")

    async def _leave(self, course: Course, name: str) -> None:
        course.progress.strike(f"{name} leaves by SIGTERM")
        course.services.running[name].send(signal.SIGTERM)
        await self._gone(course, name)
        course.note(f"{name}: left by SIGTERM")

    async def _gone(self, course: Course, name: str) -> None:
        child = course.services.running[name]
        assert await child.wait(30), f"{name} does not leave"
        with contextlib.suppress(KeyError):
            del course.services.running[name]
