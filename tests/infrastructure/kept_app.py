"""HTTP applications that test after test uses: FastAPI takes a fifth of a second of CPU to build sixty routes.

Routes keep the pool they were built with, so theirs here passes every call on to the pool of the test that runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import FastAPI

from shared.programs.versions import ProgramBook
from shared.runtime.postgres import Pool
from shared.runtime.service import Running
from shared.runtime.settings import Settings


class _PassedOn:
    """Stands for whichever pool `now` is."""

    now: Pool | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


@dataclass(frozen=True, slots=True)
class KeptApp:
    """One application and what its routes run with."""

    app: FastAPI
    running: Running
    _forget: Callable[[], None]
    _pool: _PassedOn

    def serve(self, settings: Settings, pool: Pool) -> None:
        """From now on with these, and as one just started: no program known, nothing remembered."""
        self._pool.now = pool
        self.running.settings = settings
        self.running.programs = ProgramBook()
        self._forget()


@dataclass(slots=True)
class KeptApps:
    """One application more is built only where a test serves several at once.

    `build` makes it, and what makes it forget all that its routes remember between requests.
    """

    build: Callable[[Running], tuple[FastAPI, Callable[[], None]]]
    _idle: list[KeptApp] = field(default_factory=list)

    def take(self, settings: Settings, pool: Pool) -> KeptApp:
        """One that nobody else has, until it is given back."""
        kept = self._idle.pop() if self._idle else self._built(settings)
        kept.serve(settings, pool)
        return kept

    def give_back(self, kept: KeptApp) -> None:
        self._idle.append(kept)

    def _built(self, settings: Settings) -> KeptApp:
        pool = _PassedOn()
        running = Running(settings, cast(Pool, pool), ProgramBook())
        app, forget = self.build(running)
        return KeptApp(app, running, forget, pool)
