"""Multipliers: what they work on, how they round, how several meet, and what a refund leaves of them."""

from typing import Any

import pytest

from services.earning.domain.claw_back import claw_back
from services.earning.domain.earn import earn
from services.earning.domain.returned import NOTHING_RETURNED
from shared.programs.pack import Basis
from tests.unit.earning.builders import granted, line, purchase
from tests.unit.earning.rule_builders import by_rule, facts_on, judged_by, refund_one_by_one, rule

HUNDRED = purchase(line(10_000, sku="apple"))
TWO = purchase(line(6_000, "1", sku="apple"), line(4_000, "2", sku="pear"))


def times(rule_id: str, factor: int | str, **fields: Any) -> Any:
    return rule(rule_id, "multiplier", factor=factor, **fields)


def test_a_multiplier_adds_to_rates_and_never_to_fixed_bonuses() -> None:
    program = judged_by(rule("base"), rule("fixed", "per_order", points=40), times("double", 2))
    assert by_rule(HUNDRED, program) == {"base": 100, "fixed": 40, "double": 100}
    assert by_rule(HUNDRED, judged_by(rule("fixed", "per_order", points=40), times("double", 2))) == {"fixed": 40}


def test_what_it_adds_is_paid_by_its_own_budget_in_its_own_class() -> None:
    program = judged_by(rule("base"), times("double", 2, budget_id="green", points_class="PROMO"))
    awards = earn(HUNDRED, NOTHING_RETURNED, facts_on(), program)
    assert [(award.points_class, award.budget_id, award.points) for award in awards] == [
        ("CONSUMPTION", "marketing", 100),
        ("PROMO", "green", 100),
    ]


def test_it_counts_the_lines_and_rates_it_names() -> None:
    assert by_rule(TWO, judged_by(rule("base"), times("x", 3, when={"skus": ["pear"]}))) == {"base": 100, "x": 80}
    two_rates = judged_by(rule("base"), rule("green", points=2), times("x", 2, of_rules=["green"]))
    assert by_rule(HUNDRED, two_rates) == {"base": 100, "green": 200, "x": 200}


@pytest.mark.parametrize(("rounding", "added"), [("floor", 1), ("half_up", 2), ("ceil", 2)])
def test_its_own_sum_is_rounded_once_over_all_lines(rounding: str, added: int) -> None:
    three = purchase(line(100, "1"), line(100, "2"), line(100, "3"))  # 3 points × 3/2 = 4.5
    assert by_rule(three, judged_by(rule("base"), times("x", "3/2", rounding=rounding))) == {"base": 3, "x": added}


def test_it_works_on_points_already_rounded_and_split() -> None:
    receipt = purchase(line(149, "1", sku="apple"), line(149, "2", sku="pear"))
    program = judged_by(rule("base"), times("x", 2, when={"skus": ["pear"]}))
    assert by_rule(receipt, program) == {"base": 2, "x": 1}  # 2.98 → 2, one each


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        ("multiply", {"base": 100, "double": 100, "triple": 400}),
        ("best", {"base": 100, "triple": 200}),
        ("newest", {"base": 100, "double": 100}),
    ],
)
def test_several_meet_as_the_program_says(combine: str, expected: dict[str, int]) -> None:
    program = judged_by(
        rule("base"),
        times("double", 2, when={"dates": [{"from": "2026-05-01", "to": "2026-06-01"}]}),
        times("triple", 3, when={"dates": [{"from": "2026-04-01", "to": "2026-06-01"}]}),
        combine_multipliers=combine,
    )
    assert by_rule(HUNDRED, program) == expected


def test_the_best_is_chosen_line_by_line_and_newest_counts_the_window_that_runs() -> None:
    program = judged_by(rule("base"), times("a", 2), times("b", 3, when={"skus": ["pear"]}), combine_multipliers="best")
    assert by_rule(TWO, program) == {"base": 100, "a": 60, "b": 80}
    windows = [{"from": "2026-01-01", "to": "2026-06-01"}, {"from": "2026-11-01", "to": "2026-12-01"}]
    newest = judged_by(
        rule("base"),
        times("old", 2, when={"dates": windows}),
        times("new", 3, when={"dates": [{"from": "2026-02-01", "to": "2026-12-01"}]}),
        combine_multipliers="newest",
    )
    assert by_rule(HUNDRED, newest) == {"base": 100, "new": 200}


@pytest.mark.parametrize(("left", "expected"), [(30, {"quint": 30}), (0, {"double": 100})])
def test_the_best_gives_way_once_its_cap_is_used_up(left: int, expected: dict[str, int]) -> None:
    program = judged_by(
        rule("base"),
        times("double", 2),
        times("quint", 5, caps=[{"points": 1_000, "per": "campaign"}]),
        combine_multipliers="best",
    )
    facts = facts_on(left={("quint", "campaign"): left})
    assert by_rule(HUNDRED, program, facts) == {"base": 100, **expected}


def test_multipliers_of_one_group_do_not_meet() -> None:
    program = judged_by(
        rule("base"), times("a", 2, exclusive_group="g"), times("b", 3, exclusive_group="g", when={"skus": ["pear"]})
    )
    assert by_rule(TWO, program) == {"base": 100, "a": 100}


def test_a_factor_of_nothing_leaves_nothing_of_the_rate_and_all_of_the_bonus() -> None:
    program = judged_by(rule("base"), rule("fixed", "per_order", points=40), times("none", 0))
    assert by_rule(HUNDRED, program) == {"fixed": 40}
    part = judged_by(rule("base"), times("none", 0, when={"skus": ["pear"]}))
    assert by_rule(TWO, part) == {"base": 60}


def test_a_factor_below_one_takes_off_whoever_gave() -> None:
    program = judged_by(rule("base"), times("a-double", 2, priority=1), times("half", "1/2"))
    assert by_rule(HUNDRED, program) == {"base": 50, "a-double": 50}


def test_a_partial_refund_keeps_a_factor_below_one_in_force() -> None:
    program = judged_by(rule("base"), times("half", "1/2"))
    _, took = refund_one_by_one(TWO, program, facts_on(), [[("2", 1, 4_000)], [("1", 1, 6_000)]])
    assert took == [20, 30]


def test_a_multiplier_s_grant_stands_by_itself_when_the_rate_s_budget_was_empty() -> None:
    program = judged_by(rule("base"), times("double", 2, budget_id="green"))
    grants = granted(earn(TWO, NOTHING_RETURNED, facts_on(), program), program)
    only_the_multiplier = [grant for grant in grants if grant.budget_id == "green"]
    returned = NOTHING_RETURNED.plus([("2", 1, 4_000)])
    assert [claw.points for claw in claw_back(TWO, returned, facts_on(), program, only_the_multiplier)] == [40]


def test_a_cap_limits_what_it_adds() -> None:
    program = judged_by(rule("base"), times("double", 2, caps=[{"points": 30, "per": "transaction"}]))
    assert by_rule(TWO, program) == {"base": 100, "double": 30}


def test_shipping_points_are_multiplied_where_no_line_is_named() -> None:
    receipt = purchase(line(1_000), shipping=500)
    program = judged_by(rule("base"), times("x", 2), basis=Basis(shipping_earns=True))
    assert by_rule(receipt, program) == {"base": 15, "x": 15}
