"""PostgreSQL and Kafka stop in the middle of traffic and come back after some seconds, on their port and files."""

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from deploy.local import kafka, postgres
from deploy.local.processes import Child
from deploy.local.stack import Stack
from tests.faults.course import Course
from tests.faults.fault import Fault
from tests.infrastructure.services import eventually

_ENDS_WITHIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Stop:
    """A way to stop a server: its name, and the signal that means it."""

    name: str
    signal: signal.Signals


FAST = Stop("fast", signal.SIGINT)  # sessions are ended, a checkpoint is written
IMMEDIATE = Stop("immediate", signal.SIGQUIT)  # no farewell; the log is replayed at the start
KILLED = Stop("killed", signal.SIGKILL)
CLEAN = Stop("clean", signal.SIGTERM)


def cannot_stop(stack: Stack) -> str | None:
    """Why the servers of this stack cannot be stopped by us; None when they can."""
    if stack.children:
        return None
    return f"skipped: Kafka and PostgreSQL are {stack.kind}, only native ones are ours to stop"


class Outages(Fault, ABC):
    """A server stops once in each way, each time when its share of the fire is handled."""

    server = ""

    def __init__(self, stops: Sequence[Stop], least_seconds: float = 1.0, most_seconds: float = 3.0) -> None:
        self.name = f"{self.server} stopped {', '.join(stop.name for stop in stops)}"
        self._stops = stops
        self._seconds = (least_seconds, most_seconds)

    async def act(self, course: Course) -> None:
        if why := cannot_stop(course.stack):
            print(f"{self.name} {why}")
            course.note(f"{self.name} {why}")
            return
        for place, stop in enumerate(self._stops, 1):
            await course.until_share(place / (len(self._stops) + 2))
            away = course.dice.uniform(*self._seconds)
            course.progress.strike(f"{self.server} stopped {stop.name}")
            await self._stop(course.stack.children[self.server], stop)
            await asyncio.sleep(away)  # how long it stays away, drawn from the seed
            await self._bring_back(course.stack)
            course.note(f"{self.server} stopped {stop.name}, back after {away:.1f} s")

    async def mend(self, course: Course) -> None:
        """Whatever failed meanwhile, the stack serves the tests that follow."""
        if course.stack.children and course.stack.children[self.server].exit_code is not None:
            await self._bring_back(course.stack)

    async def _stop(self, child: Child, stop: Stop) -> None:
        child.send(stop.signal)
        assert await child.wait(_ENDS_WITHIN_SECONDS), f"{self.server} did not stop {stop.name}"

    async def _bring_back(self, stack: Stack) -> None:
        stack.children[self.server].start_again()
        await eventually(f"answering {self.server}", lambda: self._answers(stack))

    @abstractmethod
    async def _answers(self, stack: Stack) -> bool:
        """Does the server serve again?"""


class PostgresOutages(Outages):
    server = "postgresql"

    async def prepare(self, course: Course) -> None:
        """A throw-away cluster answers before it has written its log; what is promised here is promised of one
        that does not."""
        admin = await asyncpg.connect(course.stack.postgres_admin_dsn)
        try:
            await admin.execute(f'ALTER DATABASE "{course.database.name}" SET synchronous_commit = on')
        finally:
            await admin.close()

    async def _answers(self, stack: Stack) -> bool:
        return await postgres.answers(stack.postgres_admin_dsn)


class KafkaOutages(Outages):
    server = "kafka"

    async def _answers(self, stack: Stack) -> bool:
        return await kafka.answers(stack.kafka)
