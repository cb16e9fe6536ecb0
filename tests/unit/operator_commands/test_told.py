"""What explain and trace say of an answer, and what they say loudly."""

from typing import Any

import pytest

from services.operator.explain import recomputes, told
from services.operator.printed import Node, plain, ratio, tree_lines
from services.operator.story import Story, story_tree


def answer(**changes: object) -> dict[str, Any]:
    """100 points of one rule, granted as computed."""
    grant = {"grant_id": "g1", "class": "CONSUMPTION", "budget_id": "b", "points": 100}
    award = {"points_class": "CONSUMPTION", "budget_id": "b", "points": 100, "expected_cost_minor": 500}
    line = {
        "line_id": "1",
        "net_minor": 10_000,
        "paid_with_points_or_vouchers_minor": 0,
        "code": None,
        "tax_minor": 0,
        "excluded": None,
        "basis_minor": 10_000,
        "points": 100,
    }
    totals = {"net_minor": 10_000, "paid_with_points_or_vouchers_minor": 0, "basis_minor": 10_000, "points": 100}
    rule = {
        "rule_id": "one-per-yuan",
        "kind": "rate",
        "points_class": "CONSUMPTION",
        "budget_id": "b",
        "inputs": {"basis_minor": 10_000, "exact": {"numerator": 10_000, "denominator": 100}, "rounding": "floor"},
        "result": 100,
        "lines": [],
    }
    explanation = {
        "version": 1,
        "currency": "CNY",
        "out_of_scope": None,
        "lines": [line],
        "rules": [rule],
        "rules_switched_off": [],
        "awards": [award],
        "totals": totals,
    }
    whole: dict[str, Any] = {
        "receipt_id": "r1",
        "member_id": "ann",
        "outcome": "granted",
        "code": None,
        "granted": 100,
        "clawed_back": 0,
        "grants": [grant],
        "decisions": [],
        "explanation": explanation,
        "explanation_of_what_remains": explanation,
    }
    return {**whole, **changes}


def test_an_equal_sum_is_said_quietly() -> None:
    text = "\n".join(told(answer(), "p", "m"))
    assert "Recomputed: 100 points" in text
    assert "NOT EQUAL" not in text
    assert "difference" not in text


@pytest.mark.parametrize(
    "grants",
    [
        [{"grant_id": "g1", "class": "CONSUMPTION", "budget_id": "b", "points": 101}],
        [{"grant_id": "g1", "class": "PROMO", "budget_id": "b", "points": 100}],
        [],
    ],
)
def test_another_grant_than_computed_is_said_loudly(grants: list[dict[str, Any]]) -> None:
    wrong = answer(grants=grants, granted=sum(grant["points"] for grant in grants))
    assert recomputes(wrong) is False
    assert "!!! NOT EQUAL" in "\n".join(told(wrong, "p", "m"))


def test_what_a_budget_could_not_pay_is_no_error_but_more_than_computed_is() -> None:
    short = answer(grants=[], granted=0, outcome="declined", code="BUDGET_EXHAUSTED")
    assert recomputes(short) is True
    assert "the difference of 100 was not granted for the reason BUDGET_EXHAUSTED" in "\n".join(told(short, "p", "m"))
    other = [{"grant_id": "g1", "class": "CONSUMPTION", "budget_id": "b", "points": 90}]
    assert recomputes(answer(grants=other, granted=90, code="BUDGET_EXHAUSTED")) is False


def test_a_declined_receipt_with_a_grant_is_said_loudly() -> None:
    assert recomputes(answer(outcome="declined", code="LISTED_PARTY")) is False


def test_a_receipt_known_by_its_refund_alone_has_nothing_to_compare() -> None:
    awaited = answer(outcome="awaited", grants=[], granted=0)
    del awaited["explanation"], awaited["explanation_of_what_remains"]
    assert recomputes(awaited) is None
    assert "nothing to recompute" in "\n".join(told(awaited, "p", "m"))


def test_an_exact_value_is_never_rounded() -> None:
    assert ratio(12_800, 100) == "128"
    assert ratio(999, 100) == "999/100 (between 9 and 10)"
    assert ratio(2**53 * 7 + 1, 7) == f"{2**53 * 7 + 1}/7 (between {2**53} and {2**53 + 1})"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert plain("a\x1b[2J\n\u202eb 鲜果") == "a\\x1b[2J\\x0a\\x202eb 鲜果"


def test_a_tree_shows_what_belongs_to_what() -> None:
    root = Node("root")
    root.add("one").add("below one")
    root.add("two").add("below two")
    assert list(tree_lines([root, Node("next")])) == [
        "root",
        "├─ one",
        "│  └─ below one",
        "└─ two",
        "   └─ below two",
        "next",
    ]


def test_a_row_told_twice_counts_once_and_an_empty_story_is_empty() -> None:
    story = Story()
    assert story.is_empty()
    share = {"redemption_id": "r", "lot_id": "l", "points": 1}
    story.add("allocations", [share])
    story.add("allocations", [share, {**share, "lot_id": "m"}])
    assert [row["lot_id"] for row in story.allocations] == ["l", "m"]
    assert not story.is_empty()


def test_a_lot_whose_grant_earning_does_not_tell_stands_for_itself() -> None:
    parts = dict.fromkeys(("reserved", "redeemed", "clawed_back", "set_off", "expired", "forfeited"), 0)
    lot = {
        "lot_id": "l1",
        "points": 5,
        "class": "PROMO",
        "state": "pending",
        "remaining": 5,
        "granted_at": "2026-11-13T04:00:00+00:00",
        "available_at": None,
        "expires_at": None,
        **parts,
    }
    story = Story(lots=[lot])
    assert [node.text for node in story_tree(story)] == [
        "lot l1: 5 points PROMO, pending; now 5 remaining; available -, expires -"
    ]


def test_a_story_ends_with_its_cases_and_messages() -> None:
    at = "2026-11-22T10:00:00+00:00"
    story = Story(
        cases=[
            {
                "case_id": "c1", "rule": "DEVICE_SHARED", "state": "released", "decided_by": "li", "note": "a family",
                "value": 5, "threshold": 5, "opened_at": at, "deadline": at,
            }
        ],
        signals=[{"signal_id": "s1", "case_id": "c1", "subject_key": "tablet", "value": 5}],
        holds=[
            {"hold_id": "h1", "case_id": "c1", "member_id": "ann", "state": "released", "held_points": 20},
            {"hold_id": "h2", "case_id": "other", "member_id": "bob", "state": "placed", "held_points": None},
        ],
        messages=[
            {
                "message_id": "m1", "member_id": "ann", "channel": "email", "template": "released",
                "state": "suppressed", "code": "CONTACT_MISSING", "error": None, "created_at": at,
            }
        ],
    )  # fmt: skip
    text = "\n".join(tree_lines(story_tree(story)))
    assert "case c1 of rule DEVICE_SHARED, released by li: 'a family'; 5 where 5 is the limit" in text
    assert "signal s1 of tablet: 5" in text
    assert "hold h1 of member ann, released: 20 points" in text
    assert "h2" not in text
    assert "message m1 to member ann by email, released: suppressed (CONTACT_MISSING)" in text
    assert not story.is_empty()
