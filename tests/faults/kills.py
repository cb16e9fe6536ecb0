"""SIGKILL: at every named crash point, each shown to have been hit, and at moments drawn from the seed."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from shared.runtime.crash_points import OUTWARD, POINTS
from tests.faults.course import PROCESSES, SECOND_WORKERS, Course, publish
from tests.faults.fault import Fault
from tests.faults.feeding import fed

RELAY_POINTS = tuple(point for point in POINTS if point.startswith("relay_"))
WORKER_POINTS = tuple(point for point in POINTS if point not in RELAY_POINTS)
NOTIFIER_POINTS = (*OUTWARD, *WORKER_POINTS)
POINTS_OF: Mapping[str, Sequence[str]] = {
    "earning": WORKER_POINTS,
    "redemption": WORKER_POINTS,
    "fraud_monitoring": WORKER_POINTS,
    "notification": NOTIFIER_POINTS,
    "earning-relay": RELAY_POINTS,
    "redemption-relay": RELAY_POINTS,
    "fraud_monitoring-relay": RELAY_POINTS,
    "notification-relay": RELAY_POINTS,
}
"""Every crash point of every kind of process."""

_SELDOM = {"fraud_monitoring-relay": 0, "fraud_monitoring": 2}  # passes: it finds little, and a point is to be met
_DIES_WITHIN_SECONDS = 60
_BEGUN = 0.1  # of the fire is handled when the first process dies


class CrashPoints(Fault):
    """The process dies at one point after the other, a few passes into its work each time, and starts again.

    The hand-over of e-mails comes first, in its order, and at the first pass: only new events make some.
    """

    seconds = 8.0

    def __init__(self, *processes: str) -> None:
        """Several processes go through their points side by side."""
        self.name = "crash points of " + " and ".join(processes)
        self._processes = processes

    @property
    def points(self) -> int:
        return sum(len(POINTS_OF[process]) for process in self._processes)

    async def act(self, course: Course) -> None:
        await course.until_share(_BEGUN)
        async with fed(course), asyncio.TaskGroup() as tasks:
            for process in self._processes:
                tasks.create_task(self._die_at_each(course, process))

    async def _die_at_each(self, course: Course, process: str) -> None:
        points, dice = POINTS_OF[process], course.dice
        await course.kill(process)
        outward = [point for point in OUTWARD if point in points]
        others = [point for point in points if point not in OUTWARD]
        for point in (*outward, *dice.sample(others, len(others))):
            least, most = _passes(course.traffic.events)
            if point in OUTWARD:
                least, most = 0, 0
            elif process in _SELDOM:
                least, most = 0, _SELDOM[process]
            await die_at(course, process, point, dice.randint(least, most))
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
