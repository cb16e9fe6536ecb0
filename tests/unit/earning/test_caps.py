"""Caps: what they let through of a rule's points, and what an award uses of their counters."""

from typing import Any

import pytest

from services.earning.domain.caps import cap_uses
from services.earning.domain.claw_back import remaining_awards
from services.earning.domain.earn import earn
from services.earning.domain.returned import NOTHING_RETURNED
from tests.unit.earning.builders import granted, line, purchase
from tests.unit.earning.rule_builders import by_rule, facts_on, judged_by, refund_one_by_one, rule

HUNDRED = purchase(line(6_000, "1", sku="apple"), line(4_000, "2", sku="pear"))


def capped(points: int, per: str = "transaction", over: str = "partial") -> list[dict[str, Any]]:
    return [{"points": points, "per": per, "over": over}]


@pytest.mark.parametrize(
    ("points", "over", "expected"),
    [(100, "partial", 100), (99, "partial", 99), (100, "reject", 100), (99, "reject", 0)],
)
def test_a_cap_per_transaction_gives_what_is_left_or_nothing(points: int, over: str, expected: int) -> None:
    program = judged_by(rule("r", caps=capped(points, over=over)))
    assert by_rule(HUNDRED, program).get("r", 0) == expected


@pytest.mark.parametrize("window", ["member_day", "member_month", "member_lifetime", "campaign"])
@pytest.mark.parametrize(
    ("left", "over", "expected"),
    [(None, "partial", 70), (30, "partial", 30), (0, "partial", 0), (99, "reject", 0), (500, "partial", 70)],
)
def test_a_counted_cap_goes_by_what_is_left(window: str, left: int | None, over: str, expected: int) -> None:
    program = judged_by(rule("r", caps=capped(70, window, over)))
    facts = facts_on(left={} if left is None else {("r", window): left})
    assert by_rule(HUNDRED, program, facts).get("r", 0) == expected


def test_the_tightest_of_several_caps_binds_and_the_split_sums_to_it() -> None:
    caps = [*capped(70), *capped(50, "member_day"), *capped(80, "campaign")]
    program = judged_by(rule("r", caps=caps))
    (award,) = earn(HUNDRED, NOTHING_RETURNED, facts_on(), program)
    assert [of_line.points for of_line in award.lines] == [30, 20]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_caps_says_nothing(order: int) -> None:
    caps = [*capped(30, "member_day"), *capped(50, over="reject")]
    assert by_rule(HUNDRED, judged_by(rule("r", caps=caps[::order]))) == {}


def test_an_award_says_what_it_uses_of_each_counter() -> None:
    program = judged_by(
        rule("r", caps=[*capped(70, "member_day"), *capped(60, "campaign"), *capped(90)]),
        rule("x", "multiplier", factor=2, caps=capped(20, "member_month")),
        rule("free", "per_order", points=5),
    )
    awards = earn(HUNDRED, NOTHING_RETURNED, facts_on(), program)
    uses = cap_uses(awards, program.counters)
    assert uses == {("r", "member_day"): 60, ("r", "campaign"): 60, ("x", "member_month"): 20}
    assert program.asks.counters == {("r", "member_day"), ("x", "member_month")}
    assert program.asks.campaigns == ("r",)


def test_a_refund_gives_back_what_of_a_counter_is_no_longer_used() -> None:
    program = judged_by(rule("r", caps=capped(70, "member_day")))
    grants = granted(earn(HUNDRED, NOTHING_RETURNED, facts_on(), program), program)
    after_part = NOTHING_RETURNED.plus([("1", 1, 6_000)])
    left = remaining_awards(HUNDRED, after_part, facts_on(), program, grants)
    assert cap_uses(left, program.counters) == {("r", "member_day"): 40}
    after_all = after_part.plus([("2", 1, 4_000)])
    assert cap_uses(remaining_awards(HUNDRED, after_all, facts_on(), program, grants), program.counters) == {}


def test_a_refund_above_the_cap_takes_nothing_and_below_it_its_points() -> None:
    program = judged_by(rule("r", caps=capped(70)))
    _, took = refund_one_by_one(HUNDRED, program, facts_on(), [[("1", 0, 3_000)], [("1", 1, 3_000)], [("2", 1, 4_000)]])
    assert took == [0, 30, 40]


def test_a_window_is_capped_once() -> None:
    with pytest.raises(ValueError, match="names a window twice"):
        rule("r", caps=[*capped(70), *capped(50)])
