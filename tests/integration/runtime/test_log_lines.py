"""Logs tell what went wrong, and nothing of the row or the argument that it went wrong with."""

import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO

import asyncpg
import pytest
import structlog
from pydantic import BaseModel, ValidationError

from shared.runtime.log_lines import configure_logging, told, traced
from tests.infrastructure.fixtures import Database

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ADDRESS = "alice@example.org"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What a process writes to standard error."""
    monkeypatch.setattr(sys, "stderr", StringIO())
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers[:] = []
    configure_logging("INFO")
    assert isinstance(sys.stderr, StringIO)
    yield sys.stderr
    root.handlers[:] = before
    structlog.reset_defaults()


async def _fail(database: Database, sql: str, *arguments: object) -> asyncpg.PostgresError:
    connection = await asyncpg.connect(database.dsns["notification"])
    try:
        await connection.execute("CREATE TABLE contact (member int UNIQUE, address text NOT NULL CHECK (false))")
        with pytest.raises(asyncpg.PostgresError) as failed:
            await connection.execute(sql, *arguments)
    finally:
        await connection.close()
    assert _ADDRESS in str(failed.value), "else there is nothing to leave out"
    return failed.value


def _not_saved(cause: Exception) -> None:
    raise RuntimeError("the batch was not saved") from cause


@pytest.mark.parametrize(
    ("sql", "arguments", "says"),
    [
        ("INSERT INTO contact VALUES (1, $1)", [_ADDRESS], 'violates check constraint "contact_check"'),
        ("SELECT ($1::text)::int", [_ADDRESS], "SQLSTATE 22P02"),
        ("SELECT $1::int", [_ADDRESS], "SQLSTATE 22000"),
    ],
    ids=["a row", "a value", "an argument"],
)
async def test_an_error_of_the_database_is_told_without_values(
    database: Database, written: StringIO, sql: str, arguments: list[str], says: str
) -> None:
    error = await _fail(database, sql, *arguments)
    structlog.get_logger().warning("sweep failed", sweep="close_notices", error=error)
    try:
        _not_saved(error)
    except RuntimeError:
        structlog.get_logger().exception("handler failed", offset=7)
        logging.getLogger("a.library").exception("Exception in its application")
    lines = written.getvalue()
    assert _ADDRESS not in lines
    first, second, library = lines.split("\n", 2)
    warned, failed = json.loads(first), json.loads(second)
    assert warned["error"].startswith(type(error).__name__)
    assert says in warned["error"]
    assert says in failed["exception"]
    assert failed["exception"].index(says) < failed["exception"].rindex("which led to")
    assert failed["exception"].endswith("RuntimeError: the batch was not saved")
    assert "test_log_lines.py" in failed["exception"], "where it was raised"
    assert says in library


async def test_bad_input_is_told_by_its_place(written: StringIO) -> None:
    class Contact(BaseModel):
        member: int

    with pytest.raises(ValidationError) as refused:
        Contact.model_validate({"member": _ADDRESS})
    structlog.get_logger().warning("refused", error=refused.value)
    assert json.loads(written.getvalue())["error"] == "ValidationError: member: int_parsing"


async def test_all_of_a_group_is_told() -> None:
    group = ExceptionGroup("two workers ended", [ValueError("one"), OSError("two")])
    assert [line for line in traced(group).splitlines() if "in it" not in line and line] == [
        "ExceptionGroup: two workers ended (2 sub-exceptions)",
        "ValueError: one",
        "OSError: two",
    ]
    assert len(told(ValueError("x" * 10_000))) < 600
