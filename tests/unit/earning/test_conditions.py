"""Each condition of points.md, written and negated: what passes, what does not, and on which lines it counts."""

from datetime import date
from typing import Any

import pytest

from services.earning.domain.facts import EarnFacts
from shared.programs.days import DayPattern
from shared.programs.tiers import Tiers
from tests.unit.earning.builders import line, purchase
from tests.unit.earning.rule_builders import by_rule, facts_on, judged_by, rule

FRUIT = line(6_000, "1", sku="apple", category="fruit", labels=("organic", "local"), brand="Orchard")
USED = line(4_000, "2", sku="book", category="books", condition="second_hand")
RECEIPT = purchase(FRUIT, USED, store_id="s-1", merchant_id="m-1", channel="store", codes=("SPRING", "X"))

GOLD = Tiers.model_validate(
    {
        "qualify_by": "points",
        "window": {"calendar": "year"},
        "validity": {"months": 12},
        "levels": [{"tier_id": "gold", "name": {"zh-CN": "金卡", "en": "Gold"}, "threshold": 1}],
    }
)


def earned(when: dict[str, Any] | None, facts: EarnFacts | None = None, **fields: Any) -> int:
    return by_rule(RECEIPT, judged_by(rule("r", when=when, **fields)), facts).get("r", 0)


@pytest.mark.parametrize(
    ("when", "counted"),
    [
        ({"skus": ["apple", "pear"]}, 60),
        ({"skus": []}, 0),
        ({"categories": ["books"]}, 40),
        ({"labels": ["local", "vegan"]}, 60),
        ({"labels": []}, 0),
        ({"conditions": ["second_hand"]}, 40),
        ({"brands": ["Orchard"]}, 60),
        ({"skus": ["apple"], "conditions": ["second_hand"]}, 0),
    ],
)
def test_a_line_condition_narrows_what_is_counted_and_negated_the_rest(when: dict[str, Any], counted: int) -> None:
    assert earned(when) == counted
    if len(when) == 1:
        assert earned(None, unless=when) == 100 - counted


@pytest.mark.parametrize(
    "when",
    [
        {"merchants": ["m-1"]},
        {"stores": ["s-1", "s-2"]},
        {"channels": ["store"]},
        {"codes": ["AUTUMN", "SPRING"]},
        {"min_spend_minor": 10_000},
        {"max_spend_minor": 10_000},
        {"weekdays": [6, 7]},
        {"dates": [{"from": "2026-05-09", "to": "2026-05-10"}]},
        {"dates": [{"from": "2025-01-01", "to": "2025-02-01"}, {"from": "2026-05-01", "to": "2026-06-01"}]},
        {"hours": [{"from": "12:00", "to": "12:01"}]},
        {"hours": [{"from": "22:00", "to": "12:01"}]},
        {"lunar": {"dates": [{"month": 3, "day": 23}], "leap_month_counts": False}},
        {"lunar_market_days": [3, 23]},
        {"gregorian_market_days": [9]},
        {"statutory": ["adjusted_workday"]},
        {"statutory": ["holiday", "workday"]},
        {"first_order": True},
        {"birthday": True},
        {"tiers": ["gold"]},
        {"segments": ["parents", "x"]},
        {"member_day": True},
    ],
)
def test_a_receipt_condition_admits_or_refuses_the_whole_rule(when: dict[str, Any]) -> None:
    """2026-05-09 is a Saturday that is worked for Labour Day, and the 23rd day of the third lunar month."""
    program = judged_by(
        rule("r", when=when),
        rule("not", unless=when),
        member_day=DayPattern.model_validate({"days_of_month": [9]}),
        tiers=GOLD,
    )
    facts = facts_on(first_order=True, birthday=True, tier="gold", segments=frozenset({"parents"}))
    assert by_rule(RECEIPT, program, facts) == {"r": 100}


@pytest.mark.parametrize(
    "when",
    [
        {"merchants": ["m-2"]},
        {"merchants": []},
        {"stores": []},
        {"channels": ["online"]},
        {"codes": []},
        {"min_spend_minor": 10_001},
        {"max_spend_minor": 9_999},
        {"weekdays": [5]},
        {"weekdays": []},
        {"dates": [{"from": "2026-05-08", "to": "2026-05-09"}]},
        {"dates": []},
        {"hours": [{"from": "12:01", "to": "24:00"}, {"from": "08:00", "to": "12:00"}]},
        {"hours": [{"from": "12:01", "to": "12:00"}]},
        {"hours": []},
        {"lunar": {"leap_month_counts": True}},
        {"lunar_market_days": []},
        {"gregorian_market_days": [8, 10]},
        {"statutory": ["holiday", "day_off"]},
        {"statutory": []},
        {"holidays": ["labour_day"]},
        {"first_order": True},
        {"birthday": True},
        {"tiers": ["gold"]},
        {"tiers": []},
        {"segments": ["parents"]},
    ],
)
def test_what_does_not_hold_or_is_empty_matches_nothing(when: dict[str, Any]) -> None:
    program = judged_by(rule("r", when=when), rule("not", unless=when), tiers=GOLD)
    assert by_rule(RECEIPT, program, facts_on()) == {"not": 100}


def test_spend_is_of_the_whole_basis_unless_the_rule_says_its_own_lines() -> None:
    narrowed = {"categories": ["books"], "min_spend_minor": 4_001}
    assert earned(narrowed) == 40
    assert earned({**narrowed, "spend_of": "own_lines"}) == 0
    assert earned({**narrowed, "min_spend_minor": 4_000, "spend_of": "own_lines"}) == 40
    half_in_points = purchase(FRUIT, USED, points=5_000)
    assert by_rule(half_in_points, judged_by(rule("r", when={"min_spend_minor": 5_001}))) == {}
    assert by_rule(half_in_points, judged_by(rule("r", when={"min_spend_minor": 5_000}))) == {"r": 50}


def test_a_holiday_is_named_and_its_days_off_match() -> None:
    program = judged_by(rule("r", when={"holidays": ["national_day"]}))
    days = [date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 7), date(2026, 10, 8)]
    assert [bool(by_rule(RECEIPT, program, facts_on(day))) for day in days] == [False, True, True, False]


def test_a_lunar_period_may_run_over_the_new_year_and_a_leap_month_counts_only_if_said() -> None:
    festival = {"from": {"month": 12, "day": 23}, "to": {"month": 1, "day": 16}}
    program = judged_by(rule("r", when={"lunar": {"periods": [festival], "leap_month_counts": False}}))
    days = [date(2026, 2, 9), date(2026, 2, 10), date(2026, 2, 17), date(2026, 3, 3), date(2026, 3, 4)]
    assert [bool(by_rule(RECEIPT, program, facts_on(day))) for day in days] == [False, True, True, True, False]
    sixth = {"dates": [{"month": 6, "day": 1}]}  # 2025 had the sixth month twice
    for counts in (True, False):
        leap = judged_by(rule("r", when={"lunar": {**sixth, "leap_month_counts": counts}}))
        assert bool(by_rule(RECEIPT, leap, facts_on(date(2025, 7, 25)))) is counts


def test_a_rule_that_asks_for_a_fact_that_was_not_gathered_says_so() -> None:
    with pytest.raises(ValueError, match="asks for the day"):
        by_rule(RECEIPT, judged_by(rule("r", when={"weekdays": [6]})), EarnFacts())
    with pytest.raises(ValueError, match="asks for the hour"):
        by_rule(RECEIPT, judged_by(rule("r", when={"hours": [{"from": "08:00", "to": "09:00"}]})), EarnFacts())
