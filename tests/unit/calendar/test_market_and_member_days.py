"""Market days, lunar dates and periods, member days."""

from collections.abc import Callable, Collection
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar.chinese import SHIPPED
from shared.calendar.day_facts import DayTest
from shared.calendar.lunar_dates import LunarDate, LunarPeriod, in_lunar_period, on_lunar_dates
from shared.calendar.market_day import (
    gregorian_days_of,
    gregorian_market,
    lunar_days_of,
    lunar_market,
    weekday_market,
)
from shared.calendar.member_day import on_dates
from tests.unit.calendar.days import known_dates, on, run, year_of

ONES_AND_SIXES = (1, 6, 11, 16, 21, 26)


def passing(test: DayTest, year: int) -> list[date]:
    return [day for day in year_of(year) if test(SHIPPED.day(day))]


def test_lunar_ones_and_sixes_of_2026_are_74_days_with_gaps_of_5_and_of_4() -> None:
    found = passing(lunar_market(ONES_AND_SIXES), 2026)
    assert len(found) == 74
    gaps = {(after - before).days for before, after in pairwise(found)}
    assert gaps == {4, 5}


def test_a_market_town_meets_in_a_leap_month_too() -> None:
    market = passing(lunar_market(ONES_AND_SIXES), 2025)
    leap_month = set(run(date(2025, 7, 25), date(2025, 8, 22)))
    assert len(leap_month.intersection(market)) == 6


@pytest.mark.parametrize(
    ("saying", "days"),
    [
        ("逢一六", (1, 6, 11, 16, 21, 26)),
        ("逢五逢十", (5, 10, 15, 20, 25, 30)),
        ("逢三、八", (3, 8, 13, 18, 23, 28)),
        ("逢一四七", (1, 4, 7, 11, 14, 17, 21, 24, 27)),
    ],
)
def test_lunar_days_as_towns_say_them(saying: str, days: tuple[int, ...]) -> None:
    assert lunar_days_of(saying) == days


def test_gregorian_days_as_towns_say_them() -> None:
    assert gregorian_days_of("逢五、十") == (5, 10, 15, 20, 25, 30)
    with pytest.raises(ValueError, match="whether the 31st is meant"):
        gregorian_days_of("逢一六")


@pytest.mark.parametrize("saying", ["", "逢", "一六", "逢1、6", "逢一六集", "逢十一月"])
def test_what_no_town_says_is_refused(saying: str) -> None:
    with pytest.raises(ValueError, match="is no saying of market days"):
        lunar_days_of(saying)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lunar_market, 31),
        (lunar_market, 0),
        (gregorian_market, 32),
        (weekday_market, 0),
        (weekday_market, 8),
    ],
)
def test_a_day_that_cannot_be_is_refused(make: Callable[[Collection[int]], DayTest], wrong: int) -> None:
    with pytest.raises(ValueError, match=f"not {wrong}"):
        make([wrong])


def test_gregorian_markets() -> None:
    assert len(passing(gregorian_market([5, 15, 25]), 2026)) == 36
    assert len(passing(gregorian_market([31]), 2026)) == 7
    assert {day.isoweekday() for day in passing(weekday_market([6]), 2026)} == {6}


def test_member_days() -> None:
    assert passing(gregorian_market([8]), 2026) == [date(2026, month, 8) for month in range(1, 13)]
    assert len(passing(weekday_market([2]), 2026)) == 52
    assert set(passing(on_dates(on("2026-06-18", "2026-11-11", "2027-01-01")), 2026)) == on("2026-06-18", "2026-11-11")


@pytest.mark.parametrize(
    ("year", "counts", "days"),
    [
        (2025, True, {"2025-07-09", "2025-08-08"}),
        (2025, False, {"2025-07-09"}),
        (2026, True, {"2026-07-28"}),
        (2026, False, {"2026-07-28"}),
    ],
)
def test_whether_a_leap_month_counts(year: int, counts: bool, days: set[str]) -> None:
    fifteenth_of_the_sixth = on_lunar_dates([LunarDate(6, 15)], leap_month_counts=counts)
    assert set(passing(fifteenth_of_the_sixth, year)) == on(*days)


def test_the_question_cannot_be_left_open() -> None:
    with pytest.raises(TypeError, match="leap_month_counts"):
        on_lunar_dates([LunarDate(6, 15)])  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="leap_month_counts"):
        in_lunar_period(LunarPeriod(LunarDate(6, 1), LunarDate(6, 2)))  # type: ignore[call-arg]


def test_the_last_day_of_a_month_is_the_29th_or_30th() -> None:
    eve = on_lunar_dates([LunarDate(12, None)], leap_month_counts=False)
    assert passing(eve, 2024) == [date(2024, 2, 9)]
    assert passing(eve, 2026) == [date(2026, 2, 16)]


@pytest.mark.parametrize(
    ("month", "day", "sentence"),
    [
        (0, 1, "a lunar month is a number from 1 to 12, not 0"),
        (13, 1, "a lunar month is a number from 1 to 12, not 13"),
        (1, 0, "a lunar day is a number from 1 to 29, or the last of its month, not 0"),
        (1, 30, "not every lunar month has a 30th day; say the last day of the month"),
        (1, 31, "a lunar day is a number from 1 to 29, or the last of its month, not 31"),
    ],
)
def test_a_lunar_date_that_need_not_be_is_refused(month: int, day: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LunarDate(month, day)


def test_no_dates_match_nothing() -> None:
    for test in (on_lunar_dates([], leap_month_counts=True), lunar_market([]), gregorian_market([]), on_dates([])):
        assert passing(test, 2026) == []


@pytest.mark.parametrize(
    ("first", "end", "counts", "expected"),
    [
        # from New Year's Eve to the Lantern Festival
        ((12, None), (1, 16), False, run(date(2026, 2, 16), date(2026, 3, 3))),
        ((12, 23), (1, 1), False, run(date(2026, 2, 10), date(2026, 2, 16))),
        ((8, 13), (8, 16), False, run(date(2026, 9, 23), date(2026, 9, 25))),
        ((8, 29), (8, None), False, run(date(2026, 10, 9), date(2026, 10, 8))),
    ],
)
def test_periods_of_2026(
    first: tuple[int, int | None], end: tuple[int, int | None], counts: bool, expected: list[date]
) -> None:
    period = LunarPeriod(LunarDate(*first), LunarDate(*end))
    assert passing(in_lunar_period(period, leap_month_counts=counts), 2026) == list(expected)


def test_a_period_and_the_leap_month_of_2025() -> None:
    period = LunarPeriod(LunarDate(6, 10), LunarDate(6, 20))
    ordinary = list(run(date(2025, 7, 4), date(2025, 7, 13)))
    assert passing(in_lunar_period(period, leap_month_counts=False), 2025) == ordinary
    repeated = list(run(date(2025, 8, 3), date(2025, 8, 12)))
    assert passing(in_lunar_period(period, leap_month_counts=True), 2025) == ordinary + repeated


def test_an_empty_period_is_refused() -> None:
    with pytest.raises(ValueError, match="ends on another day"):
        LunarPeriod(LunarDate(1, 1), LunarDate(1, 1))


lunar_dates = st.builds(LunarDate, st.integers(1, 12), st.integers(1, 28))


@given(day=known_dates, first=lunar_dates, end=lunar_dates, counts=st.booleans())
def test_a_period_and_its_complement_share_the_year(day: date, first: LunarDate, end: LunarDate, counts: bool) -> None:
    if first == end:
        return
    facts = SHIPPED.day(day)
    inside = in_lunar_period(LunarPeriod(first, end), leap_month_counts=counts)(facts)
    outside = in_lunar_period(LunarPeriod(end, first), leap_month_counts=counts)(facts)
    assert (inside + outside) == (0 if facts.lunar.leap and not counts else 1)
