"""`greenpoints audit export` joins the pages of an answer into one file."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from deploy.local.trouble import Trouble
from services.operator.audit import app, export_command
from services.operator.running import Addresses, Operator


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths and places asked for; two pages, of which both name block 1."""
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        paths.append(f"{request.url.raw_path.decode().partition('?')[0]} {after}")
        page = {"format": "greenpoints-journal-1", "program_id": "p", "next_after": None if after else 5}
        rows = [{"entry_id": after + 5, "block_no": None if after else 1}]
        return httpx.Response(200, json={**page, "rows": rows, "blocks": [{"block_no": 1}]})

    monkeypatch.setattr(export_command, "find_addresses", lambda: Addresses({"redemption": "http://redemption"}, "t"))
    monkeypatch.setattr(export_command, "Operator", lambda given: Operator(given, httpx.MockTransport(answer)))
    return paths


@pytest.mark.parametrize(
    ("option", "path"),
    [
        (["--redemption", "r-1"], "/v1/redemptions/r-1/export"),
        (["--member", "p/ann/2"], "/v1/programs/p/members/ann%2F2/export"),
    ],
)
def test_all_pages_are_one_file(asked: list[str], tmp_path: Path, option: list[str], path: str) -> None:
    result = CliRunner().invoke(app, ["export", str(tmp_path / "out.json"), *option])
    assert (result.exit_code, result.stdout) == (0, "2 rows in 1 blocks, 1 not sealed yet\n")
    assert asked == [f"{path} 0", f"{path} 5"]
    written = json.loads((tmp_path / "out.json").read_text())
    assert [row["entry_id"] for row in written["rows"]] == [5, 10]
    assert (written["blocks"], written["next_after"]) == ([{"block_no": 1}], None)


@pytest.mark.parametrize("options", [[], ["--redemption", "r", "--member", "p/m"], ["--member", "p"]])
def test_an_export_of_nothing_or_of_two_is_refused(asked: list[str], tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(app, ["export", str(tmp_path / "out.json"), *options])
    assert isinstance(result.exception, Trouble)
    assert asked == []
