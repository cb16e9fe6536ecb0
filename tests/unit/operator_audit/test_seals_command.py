"""What `greenpoints audit seals` prints, writes and expects; its exit codes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.local.trouble import Trouble
from services.operator.audit import app, seals_command
from services.operator.audit.seals import Heads, SealedBooks
from services.operator.audit.verdict import Difference

HEADS = {"fruit-shop": (7, "ab" * 32)}
TOUCHED = Difference("a sealed row was changed", "fruit-shop", "m\x1b[2J-1", "entry 17, lot l", "aa", "bb")


class _Connection:
    async def fetchval(self, _sql: str) -> bool:
        return False


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, list[str] | None, Heads | None]]:
    """What was asked of the books; those of a database that ends in 7 were touched."""
    calls: list[tuple[str, list[str] | None, Heads | None]] = []
    opened: list[str] = []

    @asynccontextmanager
    async def snapshot(dsn: str) -> AsyncIterator[_Connection]:
        opened.append(dsn)
        yield _Connection()

    async def read_seals(_connection: Any, programs: list[str] | None, expected: Heads | None) -> SealedBooks:
        calls.append((opened[-1], programs, expected))
        return SealedBooks(1_234, 7, [TOUCHED] if opened[-1].endswith("7") else [], dict(HEADS))

    monkeypatch.setattr(seals_command, "snapshot", snapshot)
    monkeypatch.setattr(seals_command, "read_seals", read_seals)
    monkeypatch.setenv("GREENPOINTS_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("GREENPOINTS_AUDIT_DATABASE", raising=False)
    return calls


Asked = list[tuple[str, list[str] | None, Heads | None]]


def test_untouched_books_end_with_0_and_their_heads_are_written_and_expected(asked: Asked, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"
    result = CliRunner().invoke(app, ["seals", "--database", "pg://0", "--write", str(heads)])
    assert (result.exit_code, result.stdout) == (0, "Untouched: 1,234 sealed rows in 7 blocks of 1 programs.\n")
    again = CliRunner().invoke(app, ["seals", "--database", "pg://0", "--expect", str(heads), "--program", "p"])
    assert again.exit_code == 0
    assert asked == [("pg://0", None, None), ("pg://0", ["p"], HEADS)]


def test_touched_books_end_with_1_name_the_row_and_write_no_heads(asked: Asked, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"
    result = CliRunner().invoke(app, ["seals", "--database", "pg://7", "--write", str(heads)])
    assert result.exit_code == 1
    assert "a sealed row was changed: fruit-shop/m\\x1b[2J-1, entry 17, lot l" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("[LEDGER_TAMPERED]")
    assert not heads.exists()
    told = json.loads(CliRunner().invoke(app, ["seals", "--database", "pg://7", "--json"]).stdout)
    assert (told["untouched"], told["code"], told["wrong"][0]["found"]) == (False, "LEDGER_TAMPERED", "bb")


@pytest.mark.parametrize("text", ["[]", "{", '{"p": 1}', '{"p": {"block_no": "x", "block_hash": "y"}}'])
def test_a_file_without_heads_is_a_trouble(asked: Asked, tmp_path: Path, text: str) -> None:
    heads = tmp_path / "heads.json"
    heads.write_text(text)
    result = CliRunner().invoke(app, ["seals", "--database", "pg://0", "--expect", str(heads)])
    assert isinstance(result.exception, Trouble)
    assert result.exception.code == "HEADS_UNREADABLE"
    assert asked == []


def test_without_an_address_it_says_what_to_set(asked: Asked) -> None:
    result = CliRunner().invoke(app, ["seals"])
    assert isinstance(result.exception, Trouble)
    assert result.exception.code == "ADDRESS_MISSING"
