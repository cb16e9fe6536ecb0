"""How long the demo has been running when something happened."""

from __future__ import annotations

import time

import psutil


class Clock:
    """Seconds since this process began, imports included."""

    def __init__(self) -> None:
        # of the system clock once, then of the monotonic one
        self._zero = time.monotonic() - (time.time() - psutil.Process().create_time())
        self.seconds: dict[str, float] = {}

    def mark(self, what: str, at: float | None = None) -> None:
        """Note `at` (a monotonic second, by default now) under a name."""
        self.seconds[what] = (time.monotonic() if at is None else at) - self._zero
