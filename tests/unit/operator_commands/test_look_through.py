"""A redemption's look-through on the command line: its tree, and what earning does not confirm."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.operator import access_keys, trace
from services.operator.cli import app
from services.operator.running import Addresses, Operator

REDEMPTION, LOT = "00000000-0000-0000-0000-0000000000a1", "00000000-0000-0000-0000-0000000000b1"
AT = "2026-11-22T10:00:00+00:00"
SOURCE = {
    "lot_id": LOT, "points": 300, "given_back": 0, "grant_id": LOT, "class": "CONSUMPTION", "granted_at": AT,
    "granted_event_id": "g", "causation_id": "/pos#e1", "rule_version": 1, "source_type":
    "greenpoints.purchase.completed.v1", "source_id": "e1", "merchant_id": "m", "receipt_id": "r-1",
    "other_member_id": None, "budget_id": "b", "cost_minor": 1500, "currency": "CNY",
}  # fmt: skip
TOLD = {
    "redemption_id": REDEMPTION, "program_id": "p", "member_id": "ann", "points": 300, "reason": "tea",
    "idempotency_key": "k", "requested_at": AT, "complete": True, "code": None, "gaps": [], "sources": [SOURCE],
    "budgets": [], "order_lines": [], "paid_bills": [],
}  # fmt: skip
GRANT = {
    "grant_id": LOT, "event_key": "d1", "budget_id": "b", "class": "CONSUMPTION", "points": 300, "rule_version": 1,
    "cost_minor": 1500,
}  # fmt: skip
DECISION = {
    "event_key": "d1", "event_id": "e1", "event_source": "/pos", "event_type": "greenpoints.purchase.completed.v1",
    "event_time": AT, "arrival": AT, "program_id": "p", "member_id": "ann", "outcome": "granted", "code": None,
    "would_have_earned": None, "correlation_id": "/pos#e1",
}  # fmt: skip
SPENT = {
    "redemption_id": REDEMPTION, "program_id": "p", "member_id": "ann", "points": 300, "reason": "tea",
    "idempotency_key": "k", "requested_at": AT, "available_before": 300,
}  # fmt: skip


def _services(grant: dict[str, Any] | None) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/look-through/csv"):
            return httpx.Response(200, content="\ufeffredemption_id\r\n".encode())
        if path.endswith("/look-through"):
            return httpx.Response(200, json=TOLD)
        if path.startswith("/v1/dead-letters"):
            return httpx.Response(200, json=[])
        if request.url.host == "redemption":
            rows = {"lots": [], "journal": [], "redemptions": [SPENT], "allocations": [], "claw_backs": []}
            return httpx.Response(200, json={**rows, "correlations": [{"correlation_id": "/pos#e1"}]})
        grants = [grant] if grant else []
        return httpx.Response(200, json={"decisions": [DECISION], "grants": grants, "claw_backs": [], "waiting": []})

    return answer


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[httpx.Request], httpx.Response]], None]:
    addresses = Addresses({"earning": "http://earning", "redemption": "http://redemption"}, "token")

    def use(answer: Callable[[httpx.Request], httpx.Response]) -> None:
        for module in (trace, access_keys):
            monkeypatch.setattr(module, "find_addresses", lambda: addresses)
            monkeypatch.setattr(module, "Operator", lambda given: Operator(given, httpx.MockTransport(answer)))

    return use


def test_a_redemption_is_looked_through_and_compared_with_earning(connect: Any, tmp_path: Path) -> None:
    connect(_services(GRANT))
    table = tmp_path / "look.csv"
    result = CliRunner().invoke(app, ["trace", REDEMPTION, "--csv", str(table)])
    assert result.exit_code == 0, result.output
    assert "receipt r-1 of m" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("complete: every point reaches its cause and its budget")
    assert table.read_bytes() == "\ufeffredemption_id\r\n".encode()


@pytest.mark.parametrize(
    ("grant", "gap"),
    [(None, f"earning does not know grant {LOT}"), ({**GRANT, "budget_id": "c"}, "on c as CONSUMPTION")],
)
def test_what_earning_does_not_confirm_is_a_gap(connect: Any, grant: dict[str, Any] | None, gap: str) -> None:
    connect(_services(grant))
    result = CliRunner().invoke(app, ["trace", REDEMPTION])
    assert result.exit_code == 1
    assert "INCOMPLETE [TRACE_INCOMPLETE]" in result.stdout and gap in result.stdout
    told = json.loads(CliRunner().invoke(app, ["trace", REDEMPTION, "--json"]).stdout)
    assert (told["look_through"]["complete"], told["look_through"]["code"]) == (False, "TRACE_INCOMPLETE")


def test_keys_are_issued_listed_by_page_and_revoked(connect: Any) -> None:
    asked: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, json.loads(request.content or b"null")))
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.method == "POST":
            return httpx.Response(201, json={"access_key": "gpr_x_y"})
        key = {
            "key_id": "0" * 16, "kind": "till", "merchant_id": "m\n1", "member_id": None, "requests_per_second": 20,
            "issued_by": "li", "created_at": AT, "revoked_at": AT,
        }  # fmt: skip
        after = request.url.params["after"]
        return httpx.Response(200, json={"keys": [key], "next_after": None if after else "0" * 16})

    connect(answer)
    run = CliRunner().invoke
    issued = run(app, ["keys", "till", "fruit shop", "m1", "--rate", "5"])
    assert (issued.exit_code, issued.stdout.splitlines()[0]) == (0, "gpr_x_y")
    assert run(app, ["keys", "member", "p", "ann"]).exit_code == 0
    listed = run(app, ["keys", "list", "p"]).stdout.splitlines()
    assert len(listed) == 2 and "m\\x0a1" in listed[0] and "revoked 2026-11-22" in listed[0]
    assert run(app, ["keys", "revoke", "0" * 16]).exit_code == 0
    assert asked[0] == (
        "POST", "/v1/programs/fruit shop/access-keys",
        {"kind": "till", "merchant_id": "m1", "requests_per_second": 5},
    )  # fmt: skip
    assert asked[1][2] == {"kind": "member", "member_id": "ann", "requests_per_second": 20}
    assert asked[-1][:2] == ("DELETE", f"/v1/access-keys/{'0' * 16}")
