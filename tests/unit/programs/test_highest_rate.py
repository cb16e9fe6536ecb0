"""The most points one minor unit can earn: which rules may meet on a line, and how they then add up."""

from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.programs.highest_rate import highest_points_per_minor
from tests.unit.programs.packs import double, pack

FEB = {"from": "2027-02-01", "to": "2027-03-01"}
MARCH = {"from": "2027-03-01", "to": "2027-04-01"}


def rate(rule_id: str, points: int = 1, **changes: Any) -> dict[str, Any]:
    return {"rule_id": rule_id, "kind": "rate", "points": points, "per_minor": 100, "budget_id": "marketing", **changes}


def per_yuan(*rules: dict[str, Any], **changes: Any) -> Fraction:
    return highest_points_per_minor(pack(rules=list(rules), **changes)) * 100


@pytest.mark.parametrize(
    ("rules", "points"),
    [
        ([rate("a")], 1),
        ([rate("a"), rate("b", 2)], 3),
        ([rate("a"), rate("b", 2, enabled=False)], 1),
        ([rate("a", exclusive_group="g"), rate("b", 2, exclusive_group="g")], 2),
        ([rate("a"), rate("b", 2), rate("c", 4, stackable=False)], 4),
        ([rate("a"), rate("b", 4), rate("c", 4, stackable=False)], 5),
        ([rate("a", condition="new"), rate("b", 2, condition="second_hand")], 2),
        ([rate("a", when={"categories": ["tea"]}), rate("b", 2, when={"categories": ["oil"]})], 2),
        ([rate("a", when={"categories": ["tea", "oil"]}), rate("b", 2, when={"categories": ["oil"]})], 3),
        ([rate("a", when={"labels": ["tea"]}), rate("b", 2, when={"labels": ["oil"]})], 3),  # a line may bear both
        ([rate("a", when={"dates": [FEB]}), rate("b", 2, when={"dates": [MARCH]})], 2),
        ([rate("a", when={"dates": [FEB]}), rate("b", 2, when={"dates": [FEB, MARCH]})], 3),
        ([rate("a", when={"max_spend_minor": 999}), rate("b", 2, when={"min_spend_minor": 1_000})], 2),
        ([rate("a", when={"max_spend_minor": 1_000}), rate("b", 2, when={"min_spend_minor": 1_000})], 3),
        ([rate("a", when={"categories": ["tea"]}), rate("b", 2, unless={"categories": ["tea"]})], 2),
        ([rate("a", when={"categories": ["tea", "oil"]}), rate("b", 2, unless={"categories": ["tea"]})], 3),
        ([rate("a"), rate("b", 2, when={"categories": []})], 1),
        ([rate("a"), rate("b", 2, condition="new", when={"conditions": ["second_hand"]})], 1),
        ([rate("a"), rate("b", 2, when={"dates": [{"from": "2026-11-01", "to": "2026-12-01"}]})], 1),  # over
        ([rate("a"), rate("b", 2, when={"dates": [{"from": "2026-11-01", "to": "2026-12-02"}]})], 3),
        ([rate("a"), double()], 2),
        ([rate("a"), double(), double(rule_id="triple", factor=3)], 6),
        ([rate("a"), double(), double(rule_id="half", factor="1/2")], 2),
        ([rate("a"), double(), double(rule_id="nothing", factor=0)], 2),
        ([rate("a"), double(exclusive_group="g"), double(rule_id="triple", factor=3, exclusive_group="g")], 3),
        ([rate("a"), rate("b", 2), double(of_rules=["a"])], 4),
        ([rate("a"), rate("b", 2), double(of_rules=["a"], factor=9, exclusive_group="g"),
          double(rule_id="d", exclusive_group="g")], 13),
        ([rate("a"), double(when={"weekdays": [6]}), double(rule_id="sunday", when={"weekdays": [7]})], 2),
        ([rate("a", when={"weekdays": [1]}), double(when={"weekdays": [6]})], 1),
        ([rate("a", when={"member_day": True}), rate("b", unless={"member_day": True})], 1),
        ([rate("a"), {"rule_id": "fixed", "kind": "per_order", "points": 999, "budget_id": "marketing"}], 1),
    ],
)  # fmt: skip
def test_the_worst_stacking(rules: list[dict[str, Any]], points: int) -> None:
    assert per_yuan(*rules, member_day={"days_of_month": [8]}) == points


@pytest.mark.parametrize(("combine", "points"), [("multiply", 6), ("best", 3), ("newest", 3)])
def test_how_multipliers_meet_is_the_program_s(combine: str, points: int) -> None:
    assert per_yuan(rate("a"), double(), double(rule_id="triple", factor=3), combine_multipliers=combine) == points


def test_without_rules_of_spending_nothing_is_earned_by_it() -> None:
    rule = {"rule_id": "fixed", "kind": "per_order", "points": 5, "budget_id": "marketing"}
    assert per_yuan(rule) == 0


@given(
    st.lists(
        st.tuples(
            st.integers(1, 5), st.sets(st.sampled_from("abc"), min_size=1), st.booleans(), st.sampled_from([None, "g"])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_it_equals_the_best_of_all_categories_tried_one_by_one(
    drawn: list[tuple[int, set[str], bool, str | None]],
) -> None:
    """Three categories, one a line: rules that pairwise meet may count as meeting, so it is never below the truth."""
    rules = [
        rate(f"r{place}", points, when={"categories": sorted(of)}, stackable=stackable, exclusive_group=group)
        for place, (points, of, stackable, group) in enumerate(drawn)
    ]
    truth = max(_of_category([one for one in drawn if category in one[1]]) for category in "abc")
    assert per_yuan(*rules) >= truth
    pairwise = all(set.intersection(*(one[1] for one in three)) for three in combinations(drawn, 3) if _meet(three))
    if pairwise:
        assert per_yuan(*rules) == truth


def _meet(three: tuple[tuple[int, set[str], bool, str | None], ...]) -> bool:
    return all(one[1] & other[1] for one, other in combinations(three, 2))


def _of_category(rules: list[tuple[int, set[str], bool, str | None]]) -> int:
    grouped = max((points for points, _, stackable, group in rules if stackable and group), default=0)
    summed = sum(points for points, _, stackable, group in rules if stackable and not group)
    return max(grouped + summed, *(points for points, _, stackable, _ in rules if not stackable), 0)


def test_many_rules_take_no_time() -> None:
    rules = [rate(f"r{place}", when={"weekdays": [place % 7 + 1]}) for place in range(140)]
    assert per_yuan(*rules) == 20
