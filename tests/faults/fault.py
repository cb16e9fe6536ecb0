"""What a fault is: something done to running services, the database or Kafka while traffic flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.course import Course


class Fault:
    """One kind of damage. Subclasses override what they need; one object serves one course.

    A fault leaves every process it took away running again. What it showed to have happened (a crash point hit, a
    gate shut) it notes by `course.note`, the moment of damage by `course.progress.strike`.
    """

    name: str = ""
    seconds: float = 5.0  # how long a short run's traffic is to keep coming for it

    async def prepare(self, course: Course) -> None:
        """Before any process is started: a proxy to listen, say."""

    def environment(self, process: str) -> Mapping[str, str]:
        """Settings that every start of this process gets on top of the course's own."""
        return {}

    async def act(self, course: Course) -> None:
        """Called once the fire has begun; returns when the damage is mended. Raise AssertionError if it missed."""

    async def mend(self, course: Course) -> None:
        """At the end, whatever happened: close what `prepare` opened."""
