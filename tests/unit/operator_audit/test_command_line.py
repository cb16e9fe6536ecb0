"""Exit codes and what is printed."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.local.trouble import Trouble
from services.operator.audit import command, command_line
from services.operator.audit.verdict import Verdict
from services.operator.local_run import LocalRun, recorded_run
from tests.unit.operator_audit.verdicts import verdict

ADDRESSES = ["--database", "postgresql://audit@nowhere/greenpoints", "--kafka", "nowhere:9092"]


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer()
    app.command()(command)
    return app


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str, Sequence[str] | None]]:
    """What the audit was asked; it answers with as many differences as the database's name ends in."""
    calls: list[tuple[str, str, Sequence[str] | None]] = []

    async def run_audit(dsn: str, kafka: str, *, programs: Sequence[str] | None = None) -> Verdict:
        calls.append((dsn, kafka, programs))
        return verdict(7 if dsn.endswith("7") else 0)

    monkeypatch.setattr(command_line, "run_audit", run_audit)
    monkeypatch.setenv("GREENPOINTS_STATE_DIR", str(tmp_path))
    for variable in ("GREENPOINTS_AUDIT_DATABASE", "GREENPOINTS_KAFKA"):
        monkeypatch.delenv(variable, raising=False)
    return calls


Asked = list[tuple[str, str, Sequence[str] | None]]


def test_clean_books_end_with_0_and_one_line(cli: typer.Typer, asked: Asked) -> None:
    result = CliRunner().invoke(cli, ADDRESSES)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Clean: 2 checks over 1,234 rows, no difference."
    assert asked == [(ADDRESSES[1], ADDRESSES[3], None)]


def test_differences_end_with_1_and_as_json_name_every_row(cli: typer.Typer, asked: Asked) -> None:
    result = CliRunner().invoke(cli, ["--database", "pg://7", "--kafka", "k", "--json", "--program", "fruit-shop"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["clean"] is False
    assert told["checks"][1]["rows"][0]["member_id"] == "ann [red]"
    assert asked[0][2] == ["fruit-shop"]


def test_without_addresses_the_local_run_is_audited(cli: typer.Typer, asked: Asked, tmp_path: Path) -> None:
    run = LocalRun(urls={}, kafka="local:9092", dsns={"greenpoints_audit": "pg://local"}, operator_token="t")
    with recorded_run(tmp_path, run):
        assert CliRunner().invoke(cli, []).exit_code == 0
        assert CliRunner().invoke(cli, ["--kafka", "other:1"]).exit_code == 0
    assert [call[:2] for call in asked] == [("pg://local", "local:9092"), ("pg://local", "other:1")]


def test_without_any_address_it_says_what_to_set(cli: typer.Typer, asked: Asked) -> None:
    result = CliRunner().invoke(cli, ["--kafka", "k"])
    assert isinstance(result.exception, Trouble)
    assert result.exception.code == "ADDRESS_MISSING"
    assert "GREENPOINTS_AUDIT_DATABASE" in str(result.exception)
    assert asked == []
