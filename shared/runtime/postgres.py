"""Connections and migrations of one service's schema."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import structlog

from shared.runtime.settings import Settings

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
CLAIM_LOST = "GP001"
# The outcome of what was sent is unknown: the stored offset has to say it.
# InternalClientError: the server's farewell came between two statements, and the driver lost its place.
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
# Not the fault of any record: back off and keep the partition.
DATABASE_AWAY = (
    *CONNECTION_LOST,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
)
_ONE_MIGRATOR = 0x67706D69  # an advisory lock of our own choosing, taken per schema


async def connect_pool(settings: Settings, *, size: int = 8) -> Pool:
    """Open the service's pool: generic plans (arrays vary in length, not in shape), no JIT, the shifted clock."""
    pool = await asyncpg.create_pool(
        settings.database.get_secret_value(),
        min_size=1,
        max_size=size,
        max_cacheable_statement_size=0,
        command_timeout=60,
        reset=_keep_session,
        server_settings={
            "application_name": "greenpoints",
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
            "timezone": "UTC",  # else JSON shows early times as BC, or in offsets with seconds
            # plans are made once, often while a table is still empty: they must not become scans of a full one
            "enable_seqscan": "off",
            "enable_hashjoin": "off",  # nor reads of a whole index: each key of a batch is looked up by itself
            "enable_mergejoin": "off",
            # a worker frozen or cut off must not keep rows locked for longer than its group waits for it
            "idle_in_transaction_session_timeout": str(settings.session_milliseconds),
            "greenpoints.clock_shift": f"{settings.clock_shift_seconds} seconds",
        },
    )
    assert pool is not None  # noqa: S101 - only a pool used as its own awaitable may be None
    return pool


async def _keep_session(_connection: Connection) -> None:
    """A connection comes back as it was lent: nothing of ours changes a session beyond its transaction.

    The driver has rolled back what was open; its own reset would be one more round trip for every request.
    """


async def migrate(connection: Connection, folders: Sequence[Path]) -> list[str]:
    """Apply each folder's numbered files once, in order, under a lock; returns what was applied.

    A file that changed after it was applied is refused: migrations only go forward.
    """
    applied: list[str] = []
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))", _ONE_MIGRATOR & 0x7FFFFFFF
        )
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration ("
            "name text PRIMARY KEY, content_hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        known = {row["name"]: row["content_hash"] for row in await connection.fetch("SELECT * FROM migration")}
        for folder in folders:
            for path in sorted(folder.glob("[0-9]*.sql")):
                if await _apply(connection, f"{folder.parent.name}/{path.name}", path.read_text(), known):
                    applied.append(path.name)
        await grant_audit(connection)
    if applied:
        log.info("migrations applied", files=applied)
    return applied


async def _apply(connection: Connection, name: str, sql: str, known: dict[str, str]) -> bool:
    digest = hashlib.sha256(sql.encode()).hexdigest()
    if name in known:
        if known[name] != digest:
            raise RuntimeError(f"Migration {name} changed after it was applied; restore it and add a new file instead.")
        return False
    await connection.execute(sql)
    await connection.execute("INSERT INTO migration (name, content_hash) VALUES ($1, $2)", name, digest)
    return True


async def grant_audit(connection: Connection) -> None:
    """The audit role reads the audit_* views of every schema, and nothing else crosses schemas."""
    await connection.execute(
        """
        DO $$
        DECLARE view_name text;
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'greenpoints_audit') THEN RETURN; END IF;
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO greenpoints_audit', current_schema());
            FOR view_name IN SELECT viewname FROM pg_views
                WHERE schemaname = current_schema() AND viewname LIKE 'audit\\_%' LOOP
                EXECUTE format('GRANT SELECT ON %I TO greenpoints_audit', view_name);
            END LOOP;
        END $$
        """
    )
