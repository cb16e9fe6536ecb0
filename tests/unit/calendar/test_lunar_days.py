"""Lunar days against almanac facts, and their order over all years that are known."""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given

from shared.calendar.chinese import SHIPPED, lunar_day
from shared.calendar.sources import FIRST_LUNAR_YEAR, LAST_LUNAR_YEAR, lunar_months
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.reason_codes import ReasonCode
from tests.unit.calendar.days import known_dates, year_of

# Printed in every almanac; 2033 is the year whose leap month many tables once had wrong.
SPRING_FESTIVALS = (
    "2004-01-22", "2005-02-09", "2006-01-29", "2007-02-18", "2008-02-07", "2009-01-26", "2010-02-14", "2011-02-03",
    "2012-01-23", "2013-02-10", "2014-01-31", "2015-02-19", "2016-02-08", "2017-01-28", "2018-02-16", "2019-02-05",
    "2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06",
    "2028-01-26", "2029-02-13", "2030-02-03", "2031-01-23", "2032-02-11", "2033-01-31",
)  # fmt: skip
LEAP_MONTHS = {
    2004: 2, 2006: 7, 2009: 5, 2012: 4, 2014: 9, 2017: 6, 2020: 4, 2023: 2, 2025: 6, 2028: 5, 2031: 3, 2033: 11,
}  # fmt: skip


@pytest.mark.parametrize("written", SPRING_FESTIVALS)
def test_the_lunar_year_begins_on_spring_festival(written: str) -> None:
    festival = date.fromisoformat(written)
    first, before = lunar_day(festival), lunar_day(festival - timedelta(days=1))
    assert (first.year, first.month, first.day, first.leap) == (festival.year, 1, 1, False)
    assert before.year == festival.year - 1
    assert before.is_new_years_eve


@pytest.mark.parametrize(
    ("written", "month", "day"),
    [("2026-09-25", 8, 15), ("2026-06-19", 5, 5), ("2025-10-06", 8, 15), ("2025-05-31", 5, 5), ("2024-09-17", 8, 15)],
)
def test_mid_autumn_and_dragon_boat(written: str, month: int, day: int) -> None:
    found = lunar_day(date.fromisoformat(written))
    assert (found.month, found.day, found.leap) == (month, day, False)


@pytest.mark.parametrize("year", range(2004, 2034))
def test_leap_months_and_years_without(year: int) -> None:
    leap = [month.month for month in lunar_months(year) if month.leap]
    assert leap == ([LEAP_MONTHS[year]] if year in LEAP_MONTHS else [])
    assert len(lunar_months(year)) == 12 + len(leap)


@pytest.mark.parametrize(("first", "last", "month"), [("2025-07-25", "2025-08-22", 6), ("2028-06-23", "2028-07-21", 5)])
def test_the_days_of_a_leap_month(first: str, last: str, month: int) -> None:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    leap_days = [day for day in year_of(begin.year) if lunar_day(day).leap]
    assert (leap_days[0], leap_days[-1]) == (begin, end)
    assert {lunar_day(day).month for day in leap_days} == {month}
    assert [lunar_day(day).day for day in leap_days] == list(range(1, len(leap_days) + 1))
    assert not lunar_day(begin - timedelta(days=1)).leap
    assert not lunar_day(end + timedelta(days=1)).leap


@pytest.mark.parametrize(("written", "day"), [("2024-02-09", 30), ("2025-01-28", 29), ("2026-02-16", 29)])
def test_new_years_eve_is_the_29th_or_the_30th(written: str, day: int) -> None:
    eve = lunar_day(date.fromisoformat(written))
    assert (eve.month, eve.day, eve.is_new_years_eve) == (12, day, True)


def test_one_new_years_eve_a_lunar_year() -> None:
    eves = Counter(
        lunar_day(day).year for year in range(1951, 2057) for day in year_of(year) if lunar_day(day).is_new_years_eve
    )
    assert eves == Counter(range(1950, 2056))


@given(day=known_dates)
def test_the_next_day_is_one_more_or_the_first(day: date) -> None:
    if day == date(LAST_LUNAR_YEAR, 12, 31):
        return
    today, tomorrow = lunar_day(day), lunar_day(day + timedelta(days=1))
    assert 1 <= today.day <= today.month_length in {29, 30}
    if today.is_last_of_month:
        assert tomorrow.day == 1
        assert (tomorrow.year, tomorrow.month, tomorrow.leap) != (today.year, today.month, today.leap)
        assert (tomorrow.year, tomorrow.month) == (
            (today.year + 1, 1)
            if today.last_month
            else (today.year, today.month)
            if tomorrow.leap
            else (today.year, today.month + 1)
        )
    else:
        assert tomorrow.day == today.day + 1
        assert (tomorrow.year, tomorrow.month, tomorrow.leap) == (today.year, today.month, today.leap)


def test_months_join_without_gap_over_all_years() -> None:
    months = [month for year in range(FIRST_LUNAR_YEAR, LAST_LUNAR_YEAR + 1) for month in lunar_months(year)]
    for month, following in pairwise(months):
        assert month.first + timedelta(days=month.length) == following.first
        assert month.last_of_year == (month.year != following.year)


@pytest.mark.parametrize("year", [1949, 1950, 2057, 9999])
def test_a_year_whose_lunar_dates_are_not_certain_is_refused(year: int) -> None:
    with pytest.raises(CalendarYearUnpublishedError, match=f"1951 to 2056, not for {year}") as refused:
        SHIPPED.day(date(year, 7, 1))
    assert refused.value.code is ReasonCode.CALENDAR_YEAR_UNPUBLISHED
    assert refused.value.year == year


def test_an_instant_is_no_date() -> None:
    SHIPPED.day(date(2026, 2, 17))
    with pytest.raises(TypeError, match="in the program's time zone"):
        SHIPPED.day(datetime.fromisoformat("2026-02-17T00:00:00"))
