"""Keeps a publisher to a number of events per second."""

from __future__ import annotations

import asyncio


class Pace:
    """`await pace.turn()` before each event; without a rate it never waits."""

    def __init__(self, events_per_second: int | None) -> None:
        if events_per_second is not None and events_per_second < 1:
            raise ValueError("The speed must be at least 1 event per second; leave it out for full speed.")
        self._rate = events_per_second
        self._started = 0.0
        self._turns = 0

    async def turn(self) -> None:
        if self._rate is None:
            return
        now = asyncio.get_running_loop().time()
        if self._turns == 0:
            self._started = now
        due = self._started + self._turns / self._rate
        self._turns += 1
        if due > now:
            await asyncio.sleep(due - now)
