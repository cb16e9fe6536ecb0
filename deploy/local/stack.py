"""Kafka and PostgreSQL for this machine: given addresses, else a Docker engine, else native processes."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from deploy.local import addresses, docker, kafka, postgres, processes
from deploy.local.processes import Say
from deploy.local.trouble import Trouble

CHECKOUT = Path(__file__).parents[2]
LEAST_FREE_BYTES = 1024**3
_EPHEMERAL = "ephemeral"
_JARS = "kafka-jars"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where Kafka and PostgreSQL answer, and the directory this run keeps its files in.

    `pids` (name → pid, as first started) and `children` hold native processes only.
    """

    kafka: str
    postgres_admin_dsn: str = field(repr=False)
    kind: Literal["given", "docker", "native"]
    pids: Mapping[str, int]
    state_dir: Path
    children: Mapping[str, processes.Child] = field(default_factory=dict, repr=False)


def default_state_dir() -> Path:
    """`GREENPOINTS_STATE_DIR`, else `.state` in the checkout."""
    return Path(os.environ.get("GREENPOINTS_STATE_DIR") or CHECKOUT / ".state").absolute()


@asynccontextmanager
async def running_stack(
    state_dir: Path | None = None, *, ephemeral: bool = False, brief: bool = False, say: Say = print
) -> AsyncIterator[Stack]:
    """Kafka that lists its topics and PostgreSQL that runs a query, stopped again at the end.

    Without `ephemeral` their contents stay in `state_dir` for the next run and one run at a time may use it.
    An ephemeral stack lives in a directory of its own below it, does not fsync, and is removed at the end.
    A brief one is over in minutes: its Kafka starts faster and never gets to its full speed.
    Raises Trouble. Enter it from the main thread.
    """
    given = addresses.given_addresses()
    async with own_state(state_dir or default_state_dir(), ephemeral=ephemeral, say=say) as own:
        if given is not None:
            await addresses.check_addresses(*given)
            yield Stack(*given, kind="given", pids={}, state_dir=own)
            return
        if docker.engine_version() is not None:
            async with docker.running_compose(own, ephemeral=ephemeral, say=say) as composed:
                if composed is not None:
                    yield Stack(composed.bootstrap, composed.admin_dsn, kind="docker", pids={}, state_dir=own)
                    return
        async with native_stack(own, ephemeral=ephemeral, brief=brief, say=say) as stack:
            yield stack


@asynccontextmanager
async def native_stack(own: Path, *, ephemeral: bool, say: Say, brief: bool = False) -> AsyncIterator[Stack]:
    """Both as our own processes, started side by side. `own` comes from own_state()."""
    shared = own.parents[1] if ephemeral else own
    async with AsyncExitStack() as exits:
        # Waits for both even if one fails, so that each is in `exits` or has cleaned up after itself.
        started = await asyncio.gather(
            exits.enter_async_context(
                kafka.running_kafka(own, shared / _JARS, ephemeral=ephemeral, brief=brief, say=say)
            ),
            exits.enter_async_context(postgres.running_postgres(own, ephemeral=ephemeral, say=say)),
            return_exceptions=True,
        )
        broker, cluster = started
        if isinstance(broker, BaseException):
            raise broker
        if isinstance(cluster, BaseException):
            raise cluster
        children = {"kafka": broker.child, "postgresql": cluster.child}
        pids = {name: child.pid for name, child in children.items()}
        yield Stack(broker.bootstrap, cluster.admin_dsn, kind="native", pids=pids, state_dir=own, children=children)


@asynccontextmanager
async def own_state(state_dir: Path, *, ephemeral: bool, say: Say) -> AsyncIterator[Path]:
    """The directory this run alone uses, locked, with room, and freed of what killed runs left.

    `state_dir` itself, or for an ephemeral run a fresh directory below it that is removed at the end.
    """
    own = state_dir / _EPHEMERAL / uuid.uuid4().hex[:8] if ephemeral else state_dir
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = (own / "lock").open("a+")
    except OSError as error:
        raise Trouble(
            "STATE_DIR_UNUSABLE",
            f"The state directory {own} cannot be written: {error.strerror}.",
            "Make it writable, or set GREENPOINTS_STATE_DIR to a directory that is.",
        ) from error
    with lock:
        _lock(lock, own)
        _check_room(own)
        processes.stop_leftovers(own, say)
        _sweep(state_dir / _EPHEMERAL, say)
        try:
            yield own
        finally:
            if ephemeral:
                remove(own)


def remove(own: Path) -> None:
    """Delete a state directory whose lock is ours, with a cluster that had to live elsewhere."""
    record = postgres.place_record(own)
    if record.exists():
        shutil.rmtree(record.read_text(), ignore_errors=True)
    shutil.rmtree(own, ignore_errors=True)


def _lock(lock: IO[str], own: Path) -> None:
    """Hold the directory until our end, however it comes: the kernel frees the lock of a killed process."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise Trouble(
            "ALREADY_RUNNING",
            f"GreenPoints is already running from {own} (process {lock.read().strip() or 'unknown'}).",
            "Stop it with Ctrl-C there, or set GREENPOINTS_STATE_DIR to another directory.",
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def _check_room(own: Path) -> None:
    free = shutil.disk_usage(own).free
    if free < LEAST_FREE_BYTES:
        raise Trouble(
            "DISK_FULL",
            f"Only {free // 1024**2} MiB are free on the disk of {own}; Kafka and PostgreSQL need 1 GiB.",
            "Free some space, or set GREENPOINTS_STATE_DIR to a directory on a larger disk.",
        )


def _sweep(ephemeral_dir: Path, say: Say) -> None:
    """Remove ephemeral directories whose owners were killed: their locks are free."""
    for abandoned in sorted(ephemeral_dir.glob("*")):
        with contextlib.suppress(OSError), (abandoned / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            processes.stop_leftovers(abandoned, say)
            remove(abandoned)
