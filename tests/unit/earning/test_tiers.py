"""Tiers: windows, validity, rising, the end of validity and of grace, and what a refund undoes. Days alone."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.tiers import (
    NO_TIER,
    Count,
    Holding,
    Standing,
    TierTerms,
    at_its_end,
    risen,
    tier_terms,
    without_what_came_back,
)
from services.earning.tier_book import TierEntry
from shared.programs.tiers import Tiers

DAY = timedelta(days=1)
MAY_10 = date(2026, 5, 10)


def terms(**changes: Any) -> TierTerms:
    """Silver from 100, gold from 300: by points of the last 30 days, good for 60 days."""
    part = {
        "qualify_by": "points",
        "window": {"rolling_days": 30},
        "validity": {"days": 60},
        "levels": [
            {"tier_id": "silver", "name": {"zh-CN": "银", "en": "Silver"}, "threshold": 100},
            {"tier_id": "gold", "name": {"zh-CN": "金", "en": "Gold"}, "threshold": 300},
        ],
        **changes,
    }
    return tier_terms(Tiers.model_validate(part))


def counting(by: TierTerms, earned: dict[date, int]) -> Count:
    return lambda day: sum(points for on, points in earned.items() if by.window_start(day) <= on <= day)


@pytest.mark.parametrize(
    ("window", "first"),
    [
        ({"rolling_days": 1}, MAY_10),
        ({"rolling_days": 30}, date(2026, 4, 11)),
        ({"rolling_months": 1}, date(2026, 4, 11)),
        ({"rolling_months": 12}, date(2025, 5, 11)),
        ({"calendar": "month"}, date(2026, 5, 1)),
        ({"calendar": "quarter"}, date(2026, 4, 1)),
        ({"calendar": "year"}, date(2026, 1, 1)),
    ],
)
def test_a_window_ends_on_the_day_itself(window: dict[str, Any], first: date) -> None:
    assert terms(window=window).window_start(MAY_10) == first


@pytest.mark.parametrize(
    ("validity", "last"),
    [
        ({"days": 60}, date(2026, 7, 9)),
        ({"months": 12}, date(2027, 5, 10)),
        ({"months": 1, "to_month_end": True}, date(2026, 6, 30)),
    ],
)
def test_a_tier_is_good_to_the_end_of_a_day(validity: dict[str, Any], last: date) -> None:
    assert terms(validity=validity).good_until(MAY_10) == last


def test_a_threshold_reached_exactly_lifts_at_once_and_one_less_does_not() -> None:
    by = terms()
    assert risen(NO_TIER, by, MAY_10, counting(by, {MAY_10: 99})) == NO_TIER
    lifted = risen(NO_TIER, by, MAY_10, counting(by, {MAY_10: 100}))
    assert lifted == Standing((Holding("silver", MAY_10, MAY_10 + 60 * DAY),))
    assert risen(lifted, by, MAY_10 + DAY, counting(by, {MAY_10: 100, MAY_10 + DAY: 200})).tier_id == "gold"
    assert lifted.due_on(by) == MAY_10 + 61 * DAY


def test_whoever_still_qualifies_on_the_last_day_keeps_the_tier_for_another_validity() -> None:
    by, last = terms(), MAY_10 + 60 * DAY
    silver = Standing((Holding("silver", MAY_10, last),))
    assert at_its_end(silver, by, counting(by, {last: 100})) == Standing((Holding("silver", last, last + 60 * DAY),))
    assert at_its_end(silver, by, counting(by, {last - 30 * DAY: 100})) == NO_TIER


def test_a_fall_waits_for_the_grace_and_lands_where_the_count_qualifies() -> None:
    by, last = terms(grace_days=10), MAY_10 + 60 * DAY
    gold = Standing((Holding("gold", MAY_10, last),))
    waits = at_its_end(gold, by, counting(by, {last: 100}))
    assert (waits.tier_id, waits.in_grace, waits.due_on(by)) == ("gold", True, last + 11 * DAY)
    end = last + 10 * DAY
    assert at_its_end(waits, by, counting(by, {last: 100})) == Standing((Holding("silver", end, end + 60 * DAY),))
    kept = at_its_end(waits, by, counting(by, {last: 100, end: 200}))
    assert kept == Standing((Holding("gold", end, end + 60 * DAY),))
    again = risen(waits, by, last + 3 * DAY, counting(by, {last: 100, last + 3 * DAY: 200}))
    assert (again.top, again.in_grace) == (Holding("gold", last + 3 * DAY, last + 63 * DAY), False)


def test_a_calendar_year_is_judged_before_its_count_starts_anew() -> None:
    by = terms(window={"calendar": "year"}, validity={"months": 12, "to_month_end": True}, grace_days=31)
    new_year = date(2026, 12, 31)
    gold = Standing((Holding("gold", date(2025, 12, 5), new_year),))
    assert at_its_end(gold, by, counting(by, {date(2026, 2, 1): 300})).top == Holding(
        "gold", new_year, date(2027, 12, 31)
    )
    waits = at_its_end(gold, by, counting(by, {date(2026, 2, 1): 150}))
    lands = at_its_end(waits, by, counting(by, {date(2026, 2, 1): 150, date(2027, 1, 9): 20}))
    assert lands.tier_id == "silver", "by the old year's count, though January has only 20"


def test_one_step_down_lands_a_level_lower_and_a_refund_does_not_undo_that() -> None:
    by, last = terms(fall="one_step"), MAY_10 + 60 * DAY
    gold = Standing((Holding("gold", MAY_10, last),))
    landed = at_its_end(gold, by, counting(by, {}))
    assert landed.top == Holding("silver", last, last + 60 * DAY, counted=False)
    assert without_what_came_back(landed, by, last, counting(by, {})) == landed
    assert at_its_end(landed, by, counting(by, {})) == NO_TIER


def test_a_refund_takes_back_the_tier_it_lifted_and_what_was_before_returns() -> None:
    by = terms(grace_days=10)
    silver, gold = Holding("silver", MAY_10, MAY_10 + 60 * DAY), Holding("gold", MAY_10 + DAY, MAY_10 + 61 * DAY)
    both, today = Standing((silver, gold)), MAY_10 + 2 * DAY
    assert without_what_came_back(both, by, today, counting(by, {MAY_10: 100, MAY_10 + DAY: 199})).holdings == (silver,)
    assert without_what_came_back(both, by, today, counting(by, {MAY_10: 100, MAY_10 + DAY: 200})) == both
    assert without_what_came_back(both, by, today, counting(by, {})) == NO_TIER
    # what came since holds it up
    assert without_what_came_back(both, by, today, counting(by, {MAY_10: 100, today: 200})) == both
    # what was before has ended since: it would be in its grace, and later gone
    came_to_its_end = without_what_came_back(both, by, MAY_10 + 61 * DAY, counting(by, {MAY_10: 100}))
    assert came_to_its_end == Standing((silver,), in_grace=True)
    assert without_what_came_back(both, by, MAY_10 + 71 * DAY, counting(by, {MAY_10: 100})) == NO_TIER


@pytest.mark.parametrize("more", [150, 300], ids=["the same tier", "a higher one"])
def test_buying_in_grace_and_bringing_it_back_leaves_the_grace_as_it_was(more: int) -> None:
    by, last = terms(grace_days=30), MAY_10 + 60 * DAY
    waits = at_its_end(Standing((Holding("silver", MAY_10, last),)), by, counting(by, {MAY_10: 100}))
    day = last + 5 * DAY
    bought = risen(waits, by, day, counting(by, {MAY_10: 100, day: more}))
    assert not bought.in_grace
    assert bought.due_on(by) == day + 61 * DAY
    assert without_what_came_back(bought, by, day + DAY, counting(by, {MAY_10: 100})) == waits
    assert waits.due_on(by) == last + 31 * DAY


@given(
    st.dictionaries(st.integers(0, 200), st.integers(1, 250), max_size=12),
    st.sampled_from([{}, {"grace_days": 7}, {"fall": "one_step"}, {"window": {"calendar": "month"}}]),
)
def test_whatever_is_earned_and_all_of_it_taken_back_leaves_no_tier(
    earned: dict[int, int], changes: dict[str, Any]
) -> None:
    """And a tier never outlives its validity and grace without a count that qualifies."""
    by = terms(**changes)
    days = {MAY_10 + number * DAY: points for number, points in earned.items()}
    standing, so_far = NO_TIER, dict[date, int]()
    for number in range(201):
        day = MAY_10 + number * DAY
        count = counting(by, so_far)
        while (due := standing.due_on(by)) is not None and due <= day:
            standing = at_its_end(standing, by, count)
        if day in days:
            so_far[day] = days[day]
            standing = risen(standing, by, day, counting(by, so_far))
            assert by.rank_of(standing.tier_id) >= by.rank_at(counting(by, so_far)(day))
        assert all(
            a.valid_until <= b.valid_until for a, b in zip(standing.holdings, standing.holdings[1:], strict=False)
        )
    left = without_what_came_back(standing, by, MAY_10 + 201 * DAY, counting(by, {}))
    assert left == NO_TIER or not left.holdings[-1].counted


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(-300, 300), st.integers(-300, 300)), max_size=12),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_no_window_of_days_holds_more_than_all_that_was_earned(
    added: list[tuple[int, int, int]], first: int, last: int
) -> None:
    entry = TierEntry()
    for day, points, money_minor in added:
        entry.add(MAY_10 + day * DAY, points, money_minor)
    window = (MAY_10 + first * DAY, MAY_10 + last * DAY)
    assert entry.sum("points", *window) <= entry.at_most("points")
    assert entry.sum("money", *window) <= entry.at_most("money")
