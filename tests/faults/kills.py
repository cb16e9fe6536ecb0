"""SIGKILL: at every named crash point, each shown to have been hit, and at moments drawn from the seed."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from shared.runtime.crash_points import POINTS
from tests.faults.course import PROCESSES, SECOND_WORKERS, Course, publish
from tests.faults.fault import Fault

RELAY_POINTS = tuple(point for point in POINTS if point.startswith("relay_"))
WORKER_POINTS = tuple(point for point in POINTS if point not in RELAY_POINTS)
_DIES_WITHIN_SECONDS = 60
_BEGUN = 0.1  # of the fire is handled when the first process dies


class CrashPoints(Fault):
    """The process dies at one point after the other, a few passes into its work each time, and starts again."""

    seconds = 8.0

    def __init__(self, points: Mapping[str, Sequence[str]]) -> None:
        """`points` of each process; several processes go through theirs side by side."""
        self.name = "crash points of " + " and ".join(points)
        self._points = points

    async def act(self, course: Course) -> None:
        await course.until_share(_BEGUN)
        async with asyncio.TaskGroup() as tasks:
            for process, points in self._points.items():
                tasks.create_task(self._die_at_each(course, process, points))

    async def _die_at_each(self, course: Course, process: str, points: Sequence[str]) -> None:
        await course.kill(process)
        for point in course.dice.sample(points, len(points)):
            await die_at(course, process, point, course.dice.randint(*_passes(course.traffic.events)))
        await course.start(process)


def _passes(events: int) -> tuple[int, int]:
    """How often a point is passed alive, from and to: in a long run long enough to be back at speed in between."""
    least = events // 3_500
    return least, least + 5 + events // 5_000


async def die_at(course: Course, process: str, point: str, passes: int) -> None:
    """Start a process that kills itself at `point`, and see in its log that it did."""
    said = f"crash point {point}\n"
    before = _log(course, process).count(said)
    with contextlib.suppress(AssertionError):  # dead before it ever was ready: the point came first
        await course.start(process, {"GREENPOINTS_CRASH_AT": point, "GREENPOINTS_CRASH_AFTER": str(passes)})
    child = course.services.running.pop(process)
    dead = await child.wait(_DIES_WITHIN_SECONDS)
    course.progress.strike(f"{process} died at {point}", process)
    if not dead:
        await child.stop()
    assert _log(course, process).count(said) == before + 1, f"{process} never came to {point}"
    course.note(f"{process}: {point}")


class RandomKills(Fault):
    """Any process, at any moment, again and again, while all that is healthy is sent a second time.

    A second worker of each service shares the partitions.
    """

    name = "random kills"
    seconds = 15.0

    def __init__(self, kills: int, second_workers: Sequence[str] = tuple(SECOND_WORKERS)) -> None:
        self._kills = kills
        self._second_workers = second_workers

    async def act(self, course: Course) -> None:
        await asyncio.gather(*(course.start(name) for name in self._second_workers))
        await course.until_share(_BEGUN)
        victims = [*PROCESSES, *self._second_workers]
        repeating = asyncio.create_task(publish(course.stack.kafka, course.traffic.plain))
        for _ in range(self._kills):
            victim = course.dice.choice(victims)
            await asyncio.sleep(course.dice.uniform(0.05, 0.8))  # the moment of death, drawn from the seed
            await course.kill(victim)
            await course.start(victim)
            course.note(f"{victim}: killed at random")
        await repeating


def _log(course: Course, process: str) -> str:
    return course.services.log(process)
