"""Migrations: applied once and in order, by one process at a time, never changed afterwards."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime.postgres import MIGRATIONS, migrate
from tests.infrastructure.fixtures import Database


@pytest_asyncio.fixture(loop_scope="session")
async def connection(database: Database) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    opened = await asyncpg.connect(database.dsns["earning"])
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "shop" / "migrations"
    own.mkdir(parents=True)
    (own / "0002_more.sql").write_text("ALTER TABLE fruit ADD COLUMN colour text;")
    (own / "0001_first.sql").write_text("CREATE TABLE fruit (name text); INSERT INTO fruit VALUES ('apple');")
    (own / "notes.sql").write_text("not a migration")
    return own


async def test_they_are_applied_once_and_in_order(
    connection: "asyncpg.Connection[asyncpg.Record]", folder: Path
) -> None:
    assert await migrate(connection, [MIGRATIONS, folder]) == [
        *sorted(path.name for path in MIGRATIONS.glob("[0-9]*.sql")),
        "0001_first.sql",
        "0002_more.sql",
    ]
    assert await migrate(connection, [MIGRATIONS, folder]) == []
    (folder / "0003_last.sql").write_text("INSERT INTO fruit VALUES ('pear', 'green');")
    assert await migrate(connection, [MIGRATIONS, folder]) == ["0003_last.sql"]
    assert await connection.fetchval("SELECT count(*) FROM fruit") == 2


async def test_a_changed_file_is_refused_and_nothing_is_applied(
    connection: "asyncpg.Connection[asyncpg.Record]", folder: Path
) -> None:
    await migrate(connection, [folder])
    (folder / "0000_early.sql").write_text("CREATE TABLE early ();")
    (folder / "0001_first.sql").write_text("CREATE TABLE fruit (name text);")
    with pytest.raises(RuntimeError, match=r"shop/0001_first\.sql changed after it was applied"):
        await migrate(connection, [folder])
    assert await connection.fetchval("SELECT to_regclass('early')") is None


async def test_a_failing_file_leaves_nothing_behind(
    connection: "asyncpg.Connection[asyncpg.Record]", folder: Path
) -> None:
    (folder / "0003_wrong.sql").write_text("CREATE TABLE wrong (); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection, [folder])
    assert await connection.fetchval("SELECT to_regclass('fruit')") is None


async def test_two_migrators_at_once_apply_each_file_once(database: Database, folder: Path) -> None:
    connections = [await asyncpg.connect(database.dsns["earning"]) for _ in range(4)]
    try:
        applied = await asyncio.gather(*(migrate(each, [MIGRATIONS, folder]) for each in connections))
    finally:
        for each in connections:
            await each.close()
    assert sorted(len(files) for files in applied) == [0, 0, 0, len([*MIGRATIONS.glob("[0-9]*.sql")]) + 2]
