"""A private PostgreSQL cluster from the system's own binaries, for the demo and the tests."""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from deploy.local import ports, processes, software
from deploy.local.processes import Account, Child, Say
from deploy.local.trouble import Trouble

PREFERRED_PORT = 15_432
READY_SECONDS = 60
ADMIN = "greenpoints_admin"
_ATTEMPTS = 3
_PORT_TAKEN = "Address already in use"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_wal_size": "4GB",
    # The relay reads past what it deleted until a vacuum has been there; once a minute is too seldom.
    "autovacuum_naptime": "10s",
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "warning",
    # Password hashes are made by us, so nothing of value is in a statement; still, do not log statements.
    "log_min_error_statement": "panic",
}
# A test's cluster is thrown away: it need not survive the machine.
_EPHEMERAL_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",  # it may lie in memory
}
# The indexes of a day's traffic must fit, or every backend writes pages itself.
_LEAST_SHARED_BUFFERS_MB, _MOST_SHARED_BUFFERS_MB = 512, 2048
_SHARE_OF_MEMORY = 8


@dataclass(frozen=True, slots=True)
class Cluster:
    admin_dsn: str
    child: Child

    def __repr__(self) -> str:
        return f"Cluster(pid={self.child.pid})"


@asynccontextmanager
async def running_postgres(state_dir: Path, *, ephemeral: bool, say: Say) -> AsyncIterator[Cluster]:
    """A cluster of our own on 127.0.0.1, answering queries; made with initdb on the first run.

    Raises Trouble when PostgreSQL is missing, of another version than the cluster, or does not come up.
    """
    account = _account()
    home = cluster_home(state_dir, account)
    cluster = home / "cluster"
    server = software.postgres(say, _major_of(cluster))
    password = admin_password(state_dir)
    await _make_once(server, cluster, password, account, ephemeral=ephemeral)
    _clear_stale_lock(cluster, say)
    child: Child | None = None
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            preferred = None if ephemeral or attempt > 1 else PREFERRED_PORT
            port = ports.chosen_port("PostgreSQL", preferred, say)
            child = processes.start(
                "postgresql",
                _argv(server, cluster, port, ephemeral=ephemeral),
                state_dir,
                account=account,
                death_signal=signal.SIGINT,
                cwd=home,
            )
            dsn = f"postgresql://{ADMIN}:{password}@127.0.0.1:{port}/postgres"
            if await _comes_up(child, dsn):
                yield Cluster(dsn, child)
                return
            words = processes.last_words(child.log, marks=("FATAL", "PANIC", _PORT_TAKEN))
            await child.stop(signal.SIGINT)
            if _PORT_TAKEN not in processes.last_words(child.log, marks=(_PORT_TAKEN,)):
                break
        raise Trouble(
            "POSTGRESQL_DID_NOT_START",
            f"PostgreSQL did not come up: {words}.",
            f"Its log is {child.log if child else state_dir}; `make clean` starts from nothing.",
        )
    finally:
        if child is not None:
            await child.stop(signal.SIGINT)  # fast shutdown: roll back, write a checkpoint, end


async def answers(dsn: str) -> bool:
    """Does a query run there?"""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return False
    try:
        return bool(await connection.fetchval("SELECT 1") == 1)
    finally:
        await connection.close()


def cluster_home(state_dir: Path, account: Account | None) -> Path:
    """The directory that holds the cluster, owned by the account PostgreSQL runs as.

    `<state>/postgres`, unless that account cannot reach it (a checkout below a private home, say): then a
    directory under the system's place for long-lived temporary files, recorded in `<state>/postgres.place`.
    """
    record = place_record(state_dir)
    if record.exists() and (recorded := Path(record.read_text())).is_dir():
        return recorded
    inside = state_dir / "postgres"
    inside.mkdir(parents=True, exist_ok=True)
    if account is None:
        return inside
    os.chown(inside, account.uid, account.gid)
    reachable = subprocess.run(
        ["test", "-w", str(inside)], user=account.uid, group=account.gid, extra_groups=[], check=False
    )
    if reachable.returncode == 0:
        return inside
    inside.rmdir()
    return _outside(state_dir, Path(os.environ.get("TMPDIR") or "/var/tmp"), account)  # noqa: S108


def keep_cluster_in(parent: Path, state_dir: Path) -> None:
    """Have the cluster of a state directory that has none yet made below `parent`; deleted with the state directory."""
    _outside(state_dir, parent, _account())


def _outside(state_dir: Path, parent: Path, account: Account | None) -> Path:
    """A private directory below `parent`, recorded."""
    outside = Path(tempfile.mkdtemp(prefix="greenpoints-postgres-", dir=parent))
    place_record(state_dir).write_text(str(outside))
    if account is not None:
        os.chown(outside, account.uid, account.gid)
    return outside


def place_record(state_dir: Path) -> Path:
    """Where the place of a cluster outside the state directory is written down."""
    return state_dir / "postgres.place"


def _account() -> Account | None:
    """PostgreSQL refuses to run as root: its own user, else nobody. None = as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise Trouble(
        "NO_ACCOUNT_FOR_POSTGRESQL",
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody.",
        "Create one with `useradd --system postgres`, or run as another user.",
    )


def _major_of(cluster: Path) -> int | None:
    version = cluster / "PG_VERSION"
    return int(version.read_text()) if version.exists() else None


def admin_password(state_dir: Path) -> str:
    """The admin's password, random, made once, readable by us alone."""
    file = state_dir / "postgres.password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


async def _make_once(
    server: software.Postgres, cluster: Path, password: str, account: Account | None, *, ephemeral: bool
) -> None:
    """initdb aside, then rename, so that one killed half-way is made again."""
    if cluster.exists():
        return
    half = cluster.with_name("cluster.half")
    shutil.rmtree(half, ignore_errors=True)
    handed_over = cluster.with_name("password")
    handed_over.touch(mode=0o600)
    if account is not None:
        os.chown(handed_over, account.uid, account.gid)
    try:
        handed_over.write_text(password)
        options = [
            "--auth=scram-sha-256",
            f"--username={ADMIN}",
            f"--pwfile={handed_over}",
            f"--pgdata={half}",
        ]
        options += ["--encoding=UTF8", "--locale=C.UTF-8" if os.uname().sysname == "Linux" else "--locale=C"]
        options += ["--no-sync"] if ephemeral else []
        code, output = await processes.run([str(server.bin / "initdb"), *options], account=account, cwd=half.parent)
    finally:
        handed_over.unlink()
    if code:
        telling = [line for line in output.splitlines() if "error" in line.lower()] or output.splitlines()[-1:]
        raise Trouble(
            "POSTGRESQL_NOT_MADE",
            f"initdb could not make a cluster in {cluster}: {' '.join(telling)[:300]}.",
            "Check that there is room and that the directory is writable.",
        )
    half.rename(cluster)


def _clear_stale_lock(cluster: Path, say: Say) -> None:
    """Remove the lock file of a server that was killed, or end that server if it lives.

    The server itself trusts the bare pid in it, which after a crash may belong to any other program.
    """
    lock = cluster / "postmaster.pid"
    if not lock.exists():
        return
    with contextlib.suppress(psutil.Error, ValueError, IndexError):
        process = psutil.Process(int(lock.read_text().splitlines()[0]))
        if process.name().startswith("postgres") and Path(process.cwd()) == cluster.resolve():
            say(f"A previous run left PostgreSQL running (process {process.pid}); stopping it.")
            process.send_signal(signal.SIGINT)
            process.wait(20)
    lock.unlink(missing_ok=True)


def _argv(server: software.Postgres, cluster: Path, port: int, *, ephemeral: bool) -> list[str]:
    kind = _EPHEMERAL_SETTINGS if ephemeral else {"shared_buffers": _shared_buffers()}
    settings = {**_SETTINGS, "port": str(port), **kind}
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    return [str(server.bin / "postgres"), "-D", str(cluster), *options]


def _shared_buffers() -> str:
    """An eighth of the machine's memory, within bounds: 512 MB to 2 GB."""
    eighth = psutil.virtual_memory().total // 2**20 // _SHARE_OF_MEMORY
    return f"{min(max(eighth, _LEAST_SHARED_BUFFERS_MB), _MOST_SHARED_BUFFERS_MB)}MB"


async def _comes_up(child: Child, dsn: str) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while child.exit_code is None:
                if await answers(dsn):
                    return True
                await asyncio.sleep(0.05)
    return False
