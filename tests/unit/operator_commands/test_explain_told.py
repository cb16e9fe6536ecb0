"""What `explain` says of an answer, and that a difference is loud: with its code, and exit code 1."""

import json
from typing import Any

import httpx
import pytest
import typer

from services.operator.explain import command as explain_command
from services.operator.explain import receipt
from services.operator.explain.shown import Grid, Sentence
from services.operator.running import Addresses, Operator

LINE = {
    "line_id": "1", "net_minor": 10_000, "paid_with_points_or_vouchers_minor": 0, "code": None, "tax_minor": 0,
    "excluded": None, "excluded_parts": None, "basis_minor": 10_000, "points": 100,
}  # fmt: skip
RULE = {
    "rule_id": "base", "kind": "rate", "points_class": "CONSUMPTION", "budget_id": "b", "applies": True,
    "why_not": None, "why_not_parts": None, "priority": 5, "stop": True, "stackable": False, "groups": ["group x"],
    "conditions": [{"name": "when.min_spend_minor", "holds": True, "saw": 10_000},
                   {"name": "when.statutory", "holds": None, "saw": None}],
    "inputs": {"basis_minor": 10_000, "exact": {"numerator": 10_001, "denominator": 100}, "rounding": "floor"},
    "caps": [{"points": 500, "per": "member_day", "left": 120, "over": "partial"}], "before_caps": 100, "result": 100,
    "lines": [],
}  # fmt: skip
LOST = {
    **RULE, "rule_id": "lost", "applies": False, "result": 0, "why_not": "rule base of group x gives as much or more",
    "why_not_parts": {"sentence": "rule {rule} of {group} gives as much or more",
                      "values": {"rule": "base", "group": "group x"}},
}  # fmt: skip


def answer(**changes: Any) -> dict[str, Any]:
    explanation = {
        "version": 1, "currency": "CNY", "out_of_scope": None, "out_of_scope_parts": None, "lines": [LINE],
        "rules": [RULE, LOST], "rules_switched_off": ["old"], "awards": [],
        "totals": {"net_minor": 10_000, "paid_with_points_or_vouchers_minor": 0, "basis_minor": 10_000, "points": 100},
        "red_lines": [
            {"control": "C27", "code": "LISTED_PARTY", "result": "kept", "inputs": {"listed": False}},
            {"control": "C04", "code": "BUDGET_EXHAUSTED", "result": "refused", "inputs": {"budget_id": "b"}},
        ],
    }  # fmt: skip
    whole: dict[str, Any] = {
        "receipt_id": "r1", "member_id": "ann", "outcome": "granted", "code": None, "granted": 100, "clawed_back": 0,
        "grants": [{"grant_id": "g1", "class": "CONSUMPTION", "budget_id": "b", "points": 100, "clawed_back": 0}],
        "decisions": [], "explanation": explanation, "explanation_of_what_remains": explanation,
        "recomputes": True, "difference_code": None, "differences": [],
    }  # fmt: skip
    return {**whole, **changes}


WRONG = answer(
    granted=101,
    recomputes=False,
    difference_code="EXPLANATION_DIFFERS",
    differences=[
        {"what": "granted", "points_class": "CONSUMPTION", "budget_id": "b", "booked": 101, "computed": 100}
    ],
)  # fmt: skip


def blocks(told: dict[str, Any], language: Any = "en") -> tuple[list[str], dict[str, Grid]]:
    found = list(receipt.blocks(told, "fruit-shop", "m", language))
    said = [block.text for block in found if isinstance(block, Sentence)]
    return said, {block.title: block for block in found if isinstance(block, Grid)}


def test_each_rule_shows_its_conditions_inputs_rounding_caps_and_why_not() -> None:
    said, grids = blocks(answer())
    base, lost = grids["Rules, in order of evaluation"].rows
    assert base == (
        "base\nrate, CONSUMPTION, b\npriority 5\nends the evaluation\ndoes not stack\none of group x",
        "✓ when.min_spend_minor: 10000\n– when.statutory: none",
        "basis minor 10000",
        "10001/100 (between 100 and 101)\nfloor",
        "500 points per member day, 120 were left; beyond it partial",
        100,
        "",
    )
    assert lost[-1] == "rule base of group x gives as much or more"
    assert [row[:3] for row in grids["Red lines"].rows] == [
        ("C27", "LISTED_PARTY", "kept"), ("C04", "BUDGET_EXHAUSTED", "refused"),
    ]  # fmt: skip
    assert "Recomputed from the stored facts: equal." in said
    assert not any("NOT EQUAL" in sentence for sentence in said)


def test_the_same_in_chinese() -> None:
    said, grids = blocks(answer(), "zh-CN")
    assert grids["规则（按判定顺序）"].rows[1][-1] == "group x 中的规则 base 给的一样多或更多"
    assert "按存档事实重新计算：一致。" in said


def test_a_difference_is_loud_and_has_a_code() -> None:
    said, grids = blocks(WRONG)
    assert any("!!! NOT EQUAL [EXPLANATION_DIFFERS]" in sentence for sentence in said)
    assert grids["Differences"].rows == [("granted", "CONSUMPTION", "b", 101, 100)]
    assert "Recomputed from the stored facts: equal." not in said


def test_a_receipt_known_by_its_refund_alone_has_nothing_to_compare() -> None:
    awaited = answer(outcome="awaited", grants=[], granted=0)
    for part in ("explanation", "explanation_of_what_remains", "recomputes", "differences", "difference_code"):
        del awaited[part]
    said, _ = blocks(awaited)
    assert any("nothing to recompute" in sentence for sentence in said)


@pytest.mark.parametrize(("told", "code"), [(answer(), 0), (WRONG, 1), (None, 1)])
def test_the_exit_code_says_whether_it_is_proved(
    told: dict[str, Any] | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def earning(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/receipts"):
            return httpx.Response(200, json=[] if told is None else [{"merchant_id": "m"}])
        if told is None:
            return httpx.Response(404, json={"code": "NOT_FOUND", "detail": "nobody"})
        return httpx.Response(200, json=told)

    addresses = Addresses({"earning": "http://earning"}, "token")
    module = explain_command.__globals__
    monkeypatch.setitem(module, "find_addresses", lambda: addresses)
    monkeypatch.setitem(module, "Operator", lambda found: Operator(found, httpx.MockTransport(earning)))
    left = 0
    try:
        explain_command("r1", "fruit-shop", merchant=None, as_json=True, language="en")
    except typer.Exit as ending:
        left = ending.exit_code
    assert left == code
    printed = capsys.readouterr()
    if told is None:
        assert "that is called r1 was handled (yet)" in printed.err
    else:
        assert json.loads(printed.out)["recomputes"] is told["recomputes"]
