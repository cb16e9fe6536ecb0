"""Which rules count: priority, stop, exclusive groups, rules that stack and rules that do not."""

from typing import Any

import pytest

from services.earning.domain.earn import earn
from services.earning.domain.returned import NOTHING_RETURNED
from tests.unit.earning.builders import line, purchase
from tests.unit.earning.rule_builders import by_rule, facts_on, judged_by, refund_one_by_one, rule

HUNDRED = purchase(line(10_000, sku="apple"))


def bonus(rule_id: str, points: int, **fields: Any) -> Any:
    return rule(rule_id, "per_order", points=points, **fields)


def test_awards_follow_priority_high_to_low_and_then_the_rule_id() -> None:
    program = judged_by(bonus("c", 1), bonus("a", 2, priority=-1), bonus("b", 3), bonus("d", 4, priority=9))
    (award,) = earn(HUNDRED, NOTHING_RETURNED, facts_on(), program)
    assert award.lines[0].rules == (("d", 4), ("b", 3), ("c", 1), ("a", 2))


def test_stop_ends_the_evaluation_after_a_rule_that_applied_only() -> None:
    program = judged_by(
        bonus("a", 1),
        bonus("b", 2, stop=True, when={"min_spend_minor": 5_000}),
        bonus("c", 4),
        rule("d", "multiplier", factor=2),
    )
    assert by_rule(HUNDRED, program) == {"a": 1, "b": 2}
    assert by_rule(purchase(line(1_000)), program) == {"a": 1, "c": 4}


def test_a_rule_that_comes_to_no_point_has_not_applied() -> None:
    program = judged_by(
        rule("a", per_minor=10**6, stop=True),
        bonus("b", 9, stop=True, caps=[{"points": 5, "per": "transaction", "over": "reject"}]),
        bonus("c", 4),
    )
    assert by_rule(HUNDRED, program) == {"c": 4}


def test_of_an_exclusive_group_the_best_for_the_member_alone_counts() -> None:
    program = judged_by(
        bonus("a", 50, exclusive_group="welcome"),
        rule("b", exclusive_group="welcome"),
        bonus("c", 100, exclusive_group="welcome"),
        bonus("d", 1),
    )
    assert by_rule(HUNDRED, program) == {"b": 100, "d": 1}  # alike in points: the earlier one
    assert by_rule(purchase(line(20_000)), program) == {"b": 200, "d": 1}
    assert by_rule(purchase(line(5_000)), program) == {"c": 100, "d": 1}


def test_a_rate_in_a_group_is_worth_its_points_after_multipliers() -> None:
    program = judged_by(
        rule("rate", exclusive_group="g"), bonus("fixed", 150, exclusive_group="g"), rule("x", "multiplier", factor=2)
    )
    assert by_rule(HUNDRED, program) == {"rate": 100, "x": 100}


def test_caps_count_before_rules_compete() -> None:
    program = judged_by(
        bonus("a", 500, exclusive_group="g", caps=[{"points": 10, "per": "member_day"}]),
        bonus("b", 20, exclusive_group="g"),
    )
    assert by_rule(HUNDRED, program) == {"b": 20}
    used_up = facts_on(left={("b", "member_day"): 0, ("a", "member_day"): 0})
    assert by_rule(HUNDRED, program, used_up) == {"b": 20}


@pytest.mark.parametrize(
    ("alone", "expected"),
    [
        (150, {"base": 100, "plus": 50}),  # alike: the sum wins
        (151, {"vip": 151}),
        (149, {"base": 100, "plus": 50}),
    ],
)
def test_the_best_that_does_not_stack_competes_with_the_sum_of_those_that_do(
    alone: int, expected: dict[str, int]
) -> None:
    program = judged_by(
        rule("base"),
        bonus("plus", 50),
        bonus("vip", alone, stackable=False),
        bonus("lesser", 120, stackable=False, priority=5),
    )
    assert by_rule(HUNDRED, program) == expected


def test_of_alike_rules_that_do_not_stack_the_higher_priority_then_the_earlier_id_wins() -> None:
    one = judged_by(bonus("a", 9, stackable=False), bonus("b", 9, stackable=False, priority=1))
    assert by_rule(HUNDRED, one) == {"b": 9}
    other = judged_by(bonus("b", 9, stackable=False), bonus("a", 9, stackable=False))
    assert by_rule(HUNDRED, other) == {"a": 9}


def test_a_multiplier_goes_with_the_rate_it_works_on_whichever_side_wins() -> None:
    program = judged_by(
        rule("base"), rule("vip", points=3, stackable=False), bonus("plus", 150), rule("x", "multiplier", factor=2)
    )
    assert by_rule(HUNDRED, program) == {"vip": 300, "x": 300}
    fixed = judged_by(rule("base"), bonus("alone", 199, stackable=False), rule("x", "multiplier", factor=2))
    assert by_rule(HUNDRED, fixed) == {"base": 100, "x": 100}
    larger = judged_by(rule("base"), bonus("alone", 201, stackable=False), rule("x", "multiplier", factor=2))
    assert by_rule(HUNDRED, larger) == {"alone": 201}


def test_a_refund_judges_the_winner_alone_and_the_losers_never() -> None:
    program = judged_by(
        bonus("high", 100, exclusive_group="g", when={"min_spend_minor": 10_000}), bonus("low", 30, exclusive_group="g")
    )
    _, took = refund_one_by_one(HUNDRED, program, facts_on(), [[("1", 0, 1)], [("1", 1, 9_999)]])
    assert took == [100, 0]


def test_a_rule_that_is_switched_off_does_nothing() -> None:
    program = judged_by(bonus("a", 1, enabled=False, stop=True, priority=9), bonus("b", 2))
    assert by_rule(HUNDRED, program) == {"b": 2}
