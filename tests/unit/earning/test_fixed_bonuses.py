"""Fixed bonuses and shipping: what they need, how they are spread, what a refund makes of them."""

import pytest

from shared.programs.pack import Basis
from tests.unit.earning.builders import line, purchase
from tests.unit.earning.rule_builders import by_rule, facts_on, judged_by, refund_one_by_one, rule

APPLES = line(3_000, "1", sku="apple", quantity=3)
PEAR = line(1_000, "2", sku="pear")
SHIPPING_EARNS = Basis(shipping_earns=True)


def test_a_bonus_per_order_is_given_once_and_spread_by_basis() -> None:
    program = judged_by(rule("r", "per_order", points=50))
    assert by_rule(purchase(APPLES, PEAR), program) == {"r": 50}
    grants, _ = refund_one_by_one(purchase(APPLES, PEAR), program, facts_on(), [])
    assert [of_line.points for of_line in grants[0].lines] == [38, 12]  # 37.5 each: the earlier line has the tie


def test_a_bonus_needs_a_line_that_earns() -> None:
    program = judged_by(rule("o", "per_order", points=50), rule("s", "per_sku", points=5, skus=["apple"]))
    assert by_rule(purchase(APPLES, points=3_000), program) == {}
    assert by_rule(purchase(line(0, sku="apple")), program) == {}
    assert by_rule(purchase(line(3_000, sku="apple", earns=False), PEAR), program) == {"o": 50}


@pytest.mark.parametrize(("per", "points"), [("line", 5), ("unit", 15)])
def test_a_bonus_per_sku_counts_lines_or_units(per: str, points: int) -> None:
    program = judged_by(rule("r", "per_sku", points=5, skus=["apple"], per=per))
    assert by_rule(purchase(APPLES, PEAR), program) == {"r": points}
    two_lines = purchase(APPLES, line(500, "3", sku="apple", quantity=2), PEAR)
    assert by_rule(two_lines, program) == {"r": 10 if per == "line" else 25}


def test_units_that_came_back_take_their_bonus_with_them() -> None:
    program = judged_by(rule("r", "per_sku", points=5, skus=["apple"], per="unit"))
    _, took = refund_one_by_one(
        purchase(APPLES, PEAR), program, facts_on(), [[("1", 1, 1_000)], [("2", 1, 1_000)], [("1", 2, 2_000)]]
    )
    assert took == [5, 0, 10]


def test_a_line_of_which_all_pieces_came_back_for_less_money_brings_no_bonus() -> None:
    program = judged_by(rule("s", "per_sku", points=5, skus=["apple"]), rule("o", "per_order", points=7))
    _, took = refund_one_by_one(purchase(APPLES), program, facts_on(), [[("1", 3, 2_500)]])
    assert took == [12]


def test_a_threshold_that_is_no_longer_met_takes_its_bonus_back() -> None:
    program = judged_by(rule("r", "per_order", points=50, when={"min_spend_minor": 3_500}), rule("rate"))
    _, took = refund_one_by_one(purchase(APPLES, PEAR), program, facts_on(), [[("1", 0, 500)], [("1", 0, 1)]])
    assert took == [5, 51]


def test_the_first_order_earns_its_best_bonus_alone() -> None:
    program = judged_by(
        rule("small", "first_order", points=20),
        rule("large", "first_order", points=80, when={"min_spend_minor": 4_000}),
        rule("other", "first_order", points=80),
    )
    assert by_rule(purchase(APPLES, PEAR), program, facts_on(first_order=True)) == {"large": 80}
    assert by_rule(purchase(APPLES), program, facts_on(first_order=True)) == {"other": 80}
    assert by_rule(purchase(APPLES), program, facts_on()) == {}
    higher = judged_by(rule("a", "first_order", points=80), rule("b", "first_order", points=80, priority=1))
    assert by_rule(purchase(APPLES), higher, facts_on(first_order=True)) == {"b": 80}


def test_shipping_that_earns_is_a_line_of_its_own_for_rules_without_line_conditions() -> None:
    program = judged_by(
        rule("all"),
        rule("fruit", unless={"skus": ["book"]}),
        rule("whole", "per_order", points=7, when={"min_spend_minor": 5_000}),
        basis=SHIPPING_EARNS,
    )
    receipt = purchase(APPLES, PEAR, shipping=1_000)
    assert by_rule(receipt, program) == {"all": 50, "fruit": 40, "whole": 7}
    assert by_rule(receipt, judged_by(rule("all"))) == {"all": 40}
    grants, _ = refund_one_by_one(receipt, program, facts_on(), [])
    assert [of_line.line_id for of_line in grants[0].lines] == ["1", "2", "shipping"]
    taken_name = purchase(line(1_000, "shipping"), shipping=1_000)
    grants, _ = refund_one_by_one(taken_name, program, facts_on(), [])
    assert [of_line.line_id for of_line in grants[0].lines] == ["shipping", "shipping+"]


def test_shipping_stops_earning_with_the_last_of_the_goods() -> None:
    program = judged_by(rule("all"), basis=SHIPPING_EARNS)
    receipt = purchase(APPLES, PEAR, shipping=1_000)
    _, took = refund_one_by_one(receipt, program, facts_on(), [[("1", 3, 3_000)], [("2", 1, 1_000)]])
    assert took == [30, 20]


def test_points_that_paid_a_part_of_the_shipping_earn_nothing_there_either() -> None:
    receipt = purchase(APPLES, shipping=1_000, points=2_000)
    assert by_rule(receipt, judged_by(rule("all"), basis=SHIPPING_EARNS)) == {"all": 20}
