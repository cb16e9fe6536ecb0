"""Every redemption reaches its purchases and its budgets, and what is owed for it (C25)."""

import csv
import io
from typing import Any
from uuid import uuid4

import pytest

from services.operator.look_through import look_through_tree
from services.operator.printed import tree_lines
from tests.integration.redemption.harness import PROGRAM, Redemption, grant, grant_id, long_ago
from tests.integration.redemption.ordering import PHOTO, done, enrol, line, open_for_orders, ordered
from tests.integration.redemption.till import authorize, bill, capture
from tests.unit.programs.packs import written

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUDGET: dict[str, Any] = written()["budgets"][0]
FUNDED = {"budgets": [BUDGET, {**BUDGET, "budget_id": "marketing-2026"}]}


async def _seen(redemption: Redemption, redemption_id: str) -> dict[str, Any]:
    answer = await redemption.http.get(f"/v1/redemptions/{redemption_id}/look-through")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def _table(redemption: Redemption, redemption_id: str) -> list[dict[str, str]]:
    answer = await redemption.http.get(f"/v1/redemptions/{redemption_id}/look-through/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_five_hundred_points_reach_their_two_receipts(redemption: Redemption) -> None:
    open_for_orders(redemption, **FUNDED)
    await redemption.post(grant("1", 300, at=long_ago(40)), grant("7", 300, at=long_ago(30)))
    spent = (await redemption.spend(500, "k-1")).json()

    told = await _seen(redemption, spent["redemption_id"])

    assert (told["complete"], told["code"], told["gaps"]) == (True, None, [])
    assert [(row["lot_id"], row["points"], row["receipt_id"]) for row in told["sources"]] == [
        (str(grant_id("1")), 300, "receipt-1"),
        (str(grant_id("7")), 200, "receipt-7"),
    ]
    assert [row["cost_minor"] for row in told["sources"]] == [1_500, 1_000]
    (budget,) = told["budgets"]
    assert (budget["budget_id"], budget["approver"]) == ("marketing-2026", BUDGET["approver"])

    table = await _table(redemption, spent["redemption_id"])
    assert [(row["points"], row["receipt_id"], row["budget_document"]) for row in table] == [
        ("300", "receipt-1", BUDGET["document"]),
        ("200", "receipt-7", BUDGET["document"]),
    ]
    assert {row["spent_on"] for row in table} == {"at the till"}

    lines = list(tree_lines([look_through_tree(told)]))
    assert lines[-1].endswith("complete: every point reaches its cause and its budget")
    assert any("receipt receipt-7" in text for text in lines)


async def test_an_order_is_looked_through_to_its_settlement_and_what_came_back(redemption: Redemption) -> None:
    open_for_orders(redemption, **FUNDED)
    await enrol(redemption)
    placed = await ordered(redemption, line("milk-tea", 2), line("fruit-box"))
    order = (await redemption.http.get(f"/v1/orders/{placed['order_id']}")).json()
    await done(redemption, order["order_id"], "fulfilments")
    tea = next(each for each in order["lines"] if each["reward_id"] == "milk-tea")
    back = [{"line_id": tea["line_id"], "quantity": 1}]
    await done(redemption, order["order_id"], "returns", "step-2", lines=back, defect=True, evidence_sha256=PHOTO)

    told = await _seen(redemption, order["redemption_id"])

    assert told["complete"], told["gaps"]
    assert sum(row["points"] for row in told["sources"]) == order["points"]
    assert sum(row["given_back"] for row in told["sources"]) == tea["points"] // 2
    shown = {each["reward_id"]: each for each in told["order_lines"]}
    assert (shown["milk-tea"]["quantity"], shown["milk-tea"]["returned"], shown["fruit-box"]["settlement"]) == (
        2,
        1,
        [],
    )
    owed = [(entry["movement"], entry["units"]) for entry in shown["milk-tea"]["settlement"]]
    assert owed == [("fulfilled", 2), ("returned", 1)]
    assert shown["milk-tea"]["settlement"][0]["owed_minor"] == -2 * shown["milk-tea"]["settlement"][1]["owed_minor"] > 0
    (first, *_) = await _table(redemption, order["redemption_id"])
    assert "2 of milk-tea, fulfilled" in first["spent_on"] and "returned 1 of milk-tea" in first["settlement"]
    lines = "\n".join(tree_lines([look_through_tree(told)]))
    assert "statement" in lines and "1 returned" in lines


async def test_a_bill_that_points_paid_is_what_they_were_spent_on(redemption: Redemption) -> None:
    open_for_orders(redemption, point_payment={"points": 100, "minor": 500}, **FUNDED)
    await enrol(redemption)
    placed = await authorize(redemption, "till-1", bill(10_000, receipt_id="r-77"), points=400)
    captured = await capture(redemption, placed["authorization_id"])
    assert captured.status_code == 200, captured.text
    redemption_id = captured.json()["redemption_id"]

    told = await _seen(redemption, redemption_id)

    assert (told["complete"], told["points"], told["order_lines"]) == (True, 400, [])
    (paid,) = told["paid_bills"]
    assert (paid["receipt_id"], paid["merchant_id"], paid["captured_minor"]) == ("r-77", "shop-1", 2_000)
    assert "bill r-77 at shop-1" in (await _table(redemption, redemption_id))[0]["spent_on"]
    assert any("bill r-77 at shop-1" in text for text in tree_lines([look_through_tree(told)]))


async def test_a_budget_that_no_pack_knows_is_a_gap(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await redemption.post(grant("1", 300))
    spent = (await redemption.spend(100, "k-1")).json()
    told = await _seen(redemption, spent["redemption_id"])
    assert (told["complete"], told["code"]) == (False, "TRACE_INCOMPLETE")
    assert "marketing-2026" in told["gaps"][0]
    assert "INCOMPLETE [TRACE_INCOMPLETE]" in list(tree_lines([look_through_tree(told)]))[-1]
    assert (await _table(redemption, spent["redemption_id"]))[0]["complete"] == "no"


async def test_a_formula_in_an_id_stays_text(redemption: Redemption) -> None:
    open_for_orders(redemption, **FUNDED)
    await redemption.post(grant("1", 300, member="=1+1"))
    answer = await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/=1+1/redemptions",
        json={"points": 5, "reason": "-2+3"},
        headers={"Idempotency-Key": "k-1"},
    )
    (row,) = await _table(redemption, answer.json()["redemption_id"])
    assert (row["member_id"], row["spent_on"]) == ("'=1+1", "'-2+3")


async def test_what_is_not_there_is_not_found(redemption: Redemption) -> None:
    for path in ("look-through", "look-through/csv", "export"):
        answer = await redemption.http.get(f"/v1/redemptions/{uuid4()}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
