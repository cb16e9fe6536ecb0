"""Two empty databases for a back-test, dropped at its end."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from deploy.local.postgres import running_postgres
from deploy.local.processes import Say
from deploy.local.stack import own_state
from deploy.local.trouble import Trouble
from services.operator.bootstrap import dsn_for

VARIABLE = "GREENPOINTS_SCRATCH_POSTGRES"
_SCHEMA = "earning"
_SIDES = ("live", "draft")


@asynccontextmanager
async def scratch_databases(admin_dsn: str | None, state_dir: Path, say: Say) -> AsyncIterator[tuple[str, str]]:
    """DSNs for the live and the draft world.

    On the server of `admin_dsn`, whose user may create databases; without one, on a PostgreSQL of our own that does
    not fsync and is removed with all it holds. Raises Trouble where there is neither.
    """
    if admin_dsn is not None:
        async with _databases(admin_dsn) as dsns:
            yield dsns
        return
    async with (
        own_state(state_dir, ephemeral=True, say=say) as own,
        running_postgres(own, ephemeral=True, say=say) as cluster,
        _databases(cluster.admin_dsn) as dsns,
    ):
        yield dsns


@asynccontextmanager
async def _databases(admin_dsn: str) -> AsyncIterator[tuple[str, str]]:
    word = uuid.uuid4().hex[:10]
    names = [f"simulation_{side}_{word}" for side in _SIDES]
    admin = await _connected(admin_dsn)
    try:
        try:
            for name in names:
                await _create(admin, admin_dsn, name)
            yield dsn_for(admin_dsn, names[0]), dsn_for(admin_dsn, names[1])
        finally:
            for name in names:
                await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()


async def _connected(admin_dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(admin_dsn, timeout=10)
    except (OSError, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        raise Trouble(
            "POSTGRESQL_UNREACHABLE",
            f"The PostgreSQL named by {VARIABLE} does not let us in ({type(error).__name__}).",
            "Correct it, or unset it: then one is started here for as long as the simulation runs.",
        ) from error


async def _create(admin: "asyncpg.Connection[asyncpg.Record]", admin_dsn: str, name: str) -> None:
    try:
        await admin.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
    except asyncpg.InsufficientPrivilegeError as error:
        raise Trouble(
            "POSTGRESQL_REFUSES",
            f"The user named by {VARIABLE} may not create databases.",
            "Name one that may, or unset it.",
        ) from error
    await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await admin.execute(f'ALTER DATABASE "{name}" SET search_path = {_SCHEMA}, pg_catalog')
    await admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    inside = await asyncpg.connect(dsn_for(admin_dsn, name))
    try:
        await inside.execute(f"CREATE SCHEMA {_SCHEMA}")
    finally:
        await inside.close()
