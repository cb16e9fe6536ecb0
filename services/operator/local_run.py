"""The record of a local run: `running.json` in its state directory tells other terminals how to speak to it."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

RECORD = "running.json"
_EPHEMERAL_RUNS = "ephemeral/*"


@dataclass(frozen=True, slots=True)
class LocalRun:
    """Where a run answers. `started` is its process's start time: a pid alone proves nothing, they are reused."""

    urls: Mapping[str, str]
    kafka: str
    dsns: Mapping[str, str] = field(repr=False)
    operator_token: str = field(repr=False)
    pid: int = field(default_factory=os.getpid)
    started: float = field(default_factory=lambda: psutil.Process().create_time())

    def is_alive(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1
        return False


@contextmanager
def recorded_run(state_dir: Path, run: LocalRun) -> Iterator[None]:
    """Keep the record while the run lasts; it holds passwords, so only we may read it."""
    record = state_dir / RECORD
    fresh = record.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(run), file)
    fresh.replace(record)
    try:
        yield
    finally:
        record.unlink(missing_ok=True)


def local_runs(state_dir: Path) -> list[LocalRun]:
    """The run of this state directory, else the ephemeral ones below it; what a killed run left does not count."""
    own = _read(state_dir / RECORD)
    if own is not None:
        return [own]
    below = [_read(record) for record in sorted(state_dir.glob(f"{_EPHEMERAL_RUNS}/{RECORD}"))]
    return [run for run in below if run is not None]


def _read(record: Path) -> LocalRun | None:
    try:
        run = LocalRun(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return run if run.is_alive() else None
