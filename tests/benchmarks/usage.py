"""What processes and the database used up: CPU seconds by role, bytes of WAL, checkpoints."""

import contextlib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from shared.runtime.postgres import Connection

_BACKEND = re.compile(r"postgres: (?:\S+: )?(\S+)")
# Programs of PostgreSQL that run beside the sessions; every other child of its main process serves a connection.
_HELPERS = ("checkpointer", "walwriter", "background", "autovacuum", "logical", "stats", "startup", "archiver")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) so far by process or kind of process, and the WAL position in bytes."""

    cpu: Mapping[str, float]
    wal: int

    def since(self, earlier: "Usage") -> "Usage":
        """What was used between the two."""
        return Usage(
            {name: spent - earlier.cpu.get(name, 0.0) for name, spent in self.cpu.items()}, self.wal - earlier.wal
        )

    def postgres(self) -> float:
        """CPU seconds of all of PostgreSQL, without the benchmark's own sessions."""
        return sum(spent for name, spent in self.cpu.items() if name.startswith("postgres "))


class Meter:
    """Reads Usage. `pids` are named processes; PostgreSQL's children are told apart by what they do."""

    def __init__(self, pids: Mapping[str, int], postgres_pid: int | None) -> None:
        self._pids = dict(pids)
        self._postgres = postgres_pid

    async def read(self, connection: Connection) -> Usage:
        """`connection` must have the rights of a superuser or of pg_monitor."""
        row = await connection.fetchrow(
            """
            SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal,
                   (SELECT array_agg(pid) FROM pg_stat_activity
                     WHERE application_name = 'greenpoints benchmark') AS own
            """
        )
        assert row is not None
        cpu = {name: spent for name, pid in self._pids.items() if (spent := cpu_seconds(pid)) is not None}
        if self._postgres is not None:
            cpu |= _postgres_cpu(self._postgres, frozenset(row["own"] or ()))
        return Usage(cpu, int(row["wal"]))


def cpu_seconds(pid: int) -> float | None:
    """User and system seconds of one process; None when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)


def peak_resident_bytes(pid: int) -> int:
    """The largest resident set the process ever had (VmHWM); 0 where the system does not tell."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - a kernel file
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _postgres_cpu(pid: int, own: frozenset[int]) -> dict[str, float]:
    """By kind: sessions, checkpointer, walwriter …; sessions that have ended count as `postgres ended`."""
    cpu: dict[str, float] = defaultdict(float)
    with contextlib.suppress(psutil.NoSuchProcess):
        main = psutil.Process(pid)
        times = main.cpu_times()
        cpu["postgres main"] = times.user + times.system
        cpu["postgres ended"] = times.children_user + times.children_system
        for child in main.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.pid not in own and (spent := cpu_seconds(child.pid)) is not None:
                    cpu[f"postgres {_kind(child)}"] += spent
    return dict(cpu)


def _kind(child: psutil.Process) -> str:
    words = " ".join(child.cmdline())
    match = _BACKEND.match(words)
    name = match.group(1) if match else "session"
    return name if name.startswith(_HELPERS) else f"sessions of {name}"
