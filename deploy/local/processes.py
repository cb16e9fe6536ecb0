"""Child processes that never outlive us: own session, death signal, pid record with start time."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

Say = Callable[[str], None]
"""Where a sentence for the operator goes."""

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT_BYTES = 32 * 1024 * 1024
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """The system user a child runs as."""

    name: str
    uid: int
    gid: int


class Child:
    """A started process whose output goes to a log file and whose pid is on record."""

    def __init__(self, name: str, launch: Callable[[], subprocess.Popen[bytes]], log: Path, record: Path) -> None:
        self.name = name
        self.log = log
        self._launch = launch
        self._record = record
        self.start_again()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative = ended by that signal."""
        return self._popen.poll()

    def start_again(self) -> None:
        """The same command anew, for whoever ended it on purpose; call it from the main thread, as `start`."""
        self._popen = self._launch()
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(self._popen.pid).create_time()
            self._record.write_text(json.dumps({"pid": self._popen.pid, "started": started}))

    def send(self, number: signal.Signals) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    async def wait(self, seconds: float) -> bool:
        """True once it has ended, False when `seconds` have passed first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._popen.poll() is None:
                    await asyncio.sleep(0.02)
        return self._popen.poll() is not None

    async def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 15) -> bool:
        """Ask, wait, then SIGKILL the whole session. True if it ended when asked.

        Leaves nothing running even when it is cancelled meanwhile.
        """
        obeyed = False
        try:
            self.send(number)
            obeyed = await self.wait(seconds)
        finally:
            if not obeyed:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._popen.wait(5)
            self._record.unlink(missing_ok=True)
        return obeyed


def start(
    name: str,
    argv: Sequence[str],
    state_dir: Path,
    *,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    cwd: Path | None = None,
) -> Child:
    """Start `argv` in its own session, logging to `<state>/logs/<name>.log`.

    Call it from the main thread: the kernel sends the death signal when the *thread* that forked ends.
    `env` is added to our own environment.
    """

    def before_exec() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal)

    log = log_path(state_dir, name)
    log.parent.mkdir(parents=True, exist_ok=True)

    def launch() -> subprocess.Popen[bytes]:
        fresh = log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES
        with log.open("wb" if fresh else "ab") as out:
            return subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd or "/",
                start_new_session=True,
                preexec_fn=before_exec,  # noqa: PLW1509 - a death signal can only be set between fork and exec
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    return Child(name, launch, log, _records(state_dir) / f"{name}.json")


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    cwd: Path | None = None,
) -> tuple[int, str]:
    """Run a short command to its end: exit code and everything it printed. Killed when cancelled."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(env or {})},
        cwd=cwd or "/",
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace")


def stop_leftovers(state_dir: Path, say: Say) -> None:
    """Stop what a previous, killed run of this state directory left running.

    A pid alone proves nothing, the system reuses them: only a process with the recorded start time is ours.
    """
    for record in sorted(_records(state_dir).glob("*.json")):
        process = _recorded_process(record)
        if process is not None:
            say(f"A previous run left {record.stem} running (process {process.pid}); stopping it.")
            _end(process)
        record.unlink(missing_ok=True)


def _recorded_process(record: Path) -> psutil.Process | None:
    try:
        known = json.loads(record.read_text())
        process = psutil.Process(known["pid"])
        same = abs(process.create_time() - known["started"]) < 1
    except (psutil.NoSuchProcess, ValueError, KeyError, TypeError):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None


def _end(process: psutil.Process) -> None:
    family = [process, *process.children(recursive=True)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(number)
        _, family = psutil.wait_procs(family, timeout=10)
        if not family:
            return


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants in bytes; shared pages count once (PSS) where readable."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += _share(process)
    return total


def _share(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def log_path(state_dir: Path, name: str) -> Path:
    return state_dir / "logs" / f"{name}.log"


def last_words(log: Path, *, marks: Sequence[str] = ()) -> str:
    """The last line of a log, or the last one that holds one of `marks`; at most 300 characters."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if any(mark in line for mark in marks)] or lines
    return telling[-1][:300] if telling else "it printed nothing"


def _records(state_dir: Path) -> Path:
    return state_dir / "run"
