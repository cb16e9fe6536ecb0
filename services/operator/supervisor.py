"""Runs the services as separate processes: starts, watches, restarts and stops them as one."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local import processes
from deploy.local.processes import Child, Say
from deploy.local.stack import CHECKOUT
from deploy.local.trouble import Trouble
from shared.runtime.trusted import trusted

READY_SECONDS = 45
STOP_SECONDS = 20
_LONGEST_PAUSE_SECONDS = 30
# A process that lived this long starts again at once: what ended it is not what ended it before.
_SETTLED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Process:
    """One service process. `env` is added to ours; `ready_url` answers 200 once it works."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    ready_url: str | None = None


class Supervisor:
    """The running processes. Enter it to have all of them started and ready, leave it to have none left.

    Their output is in `<state_dir>/logs/<name>.log`. One that ends by itself is restarted, with a growing pause
    while it keeps ending. Use it from the main thread.
    """

    def __init__(
        self,
        wanted: Sequence[Process],
        state_dir: Path,
        say: Say,
        *,
        ready_seconds: float = READY_SECONDS,
        first_pause_seconds: float = 0.5,
    ) -> None:
        self._wanted = {process.name: process for process in wanted}
        self._state_dir = state_dir
        self._say = say
        self._ready_seconds = ready_seconds
        self._first_pause_seconds = first_pause_seconds
        self._running: dict[str, Child] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self.restarts: dict[str, int] = dict.fromkeys(self._wanted, 0)

    async def __aenter__(self) -> "Supervisor":
        """Raises Trouble, with all stopped again, if one ends or is not ready in time."""
        try:
            for process in self._wanted.values():
                self._start(process)
            async with self._client() as client, asyncio.TaskGroup() as group:
                for process in self._wanted.values():
                    group.create_task(self._wait_until_ready(process, client))
        except ExceptionGroup as failures:
            await self.stop()
            raise failures.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        self._watchers = [asyncio.create_task(self._watch(process)) for process in self._wanted.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def pids(self) -> Mapping[str, int]:
        """Process ids by name."""
        return {name: child.pid for name, child in self._running.items()}

    def resident_bytes(self) -> Mapping[str, int]:
        """Memory by name, in bytes."""
        return {name: processes.resident_bytes(pid) for name, pid in self.pids().items()}

    def kill(self, name: str) -> None:
        """SIGKILL one process, as a crash would; it is restarted like any other that ends."""
        self._running[name].send(signal.SIGKILL)

    async def wait_until_ready(self, name: str) -> None:
        """Wait until `name` answers /readyz (again)."""
        async with self._client() as client:
            await self._wait_until_ready(self._wanted[name], client, may_end=True)

    def _client(self) -> httpx.AsyncClient:
        asked = (process.ready_url for process in self._wanted.values() if process.ready_url is not None)
        return httpx.AsyncClient(timeout=2, trust_env=False, verify=trusted(asked))

    async def stop(self) -> None:
        """Stop the first, which feeds the others, then all of these side by side; SIGKILL after the deadline.

        One alone may take its time: a stream waits for its group.
        """
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._watchers = []
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        names = list(self._running)
        for some in (names[:1], names[1:]):
            await asyncio.gather(*(self._stop_one(name, deadline) for name in some))

    async def _stop_one(self, name: str, deadline: float) -> None:
        left = max(1.0, deadline - asyncio.get_running_loop().time())
        if not await self._running[name].stop(seconds=left):
            self._say(f"{name} did not stop in time and was killed.")
        del self._running[name]

    def _start(self, process: Process) -> None:
        self._running[process.name] = processes.start(
            process.name, process.argv, self._state_dir, env=process.env, cwd=CHECKOUT
        )

    async def _wait_until_ready(self, process: Process, client: httpx.AsyncClient, *, may_end: bool = False) -> None:
        try:
            async with asyncio.timeout(self._ready_seconds):
                while not await _is_ready(process, client):
                    if self._running[process.name].exit_code is not None and not may_end:
                        raise self._trouble("SERVICE_ENDED", process, "ended while starting")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise self._trouble("SERVICE_NOT_READY", process, "is not ready in time") from None

    def _trouble(self, code: str, process: Process, what: str) -> Trouble:
        log = self._running[process.name].log
        return Trouble(code, f"{process.name} {what}: {processes.last_words(log)}.", f"Its log is {log}.")

    async def _watch(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        in_a_row = 0
        while True:
            started = loop.time()
            child = self._running[process.name]
            while child.exit_code is None:
                await asyncio.sleep(0.1)
            in_a_row = 0 if loop.time() - started > _SETTLED_SECONDS else in_a_row + 1
            pause = min(self._first_pause_seconds * 2 ** max(0, in_a_row - 1), _LONGEST_PAUSE_SECONDS)
            self._say(
                f"{process.name} ended ({_ending(child.exit_code)}); restarting it in {pause:g} s. "
                f"Its log is {child.log}."
            )
            await asyncio.sleep(pause)
            self.restarts[process.name] += 1
            self._start(process)


def until_interrupted(work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Run `work` to its end or to the first SIGINT or SIGTERM, which cancels it so that it cleans up.

    True if it was interrupted. Further signals do not disturb the cleaning up.
    """

    async def run() -> bool:
        task = asyncio.ensure_future(work())
        interrupted = False

        def interrupt() -> None:
            nonlocal interrupted
            if not interrupted:
                interrupted = True
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return interrupted

    return asyncio.run(run())


async def _is_ready(process: Process, client: httpx.AsyncClient) -> bool:
    if process.ready_url is None:
        return True
    with contextlib.suppress(httpx.HTTPError):
        return (await client.get(process.ready_url)).status_code == httpx.codes.OK
    return False


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
