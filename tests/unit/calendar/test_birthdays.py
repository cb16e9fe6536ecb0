"""Birthdays: once a year, and nothing guessed."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.calendar.birthday import AmbiguousBirthdayError, Birthday, LunarBirthday, birthdays_kept_on
from shared.calendar.chinese import SHIPPED
from tests.unit.calendar.days import year_of

month_days = st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(lambda day: day.strftime("%m-%d"))
years = st.integers(1951, 2056)


@pytest.mark.parametrize(
    ("year", "kept"),
    [(2026, date(2026, 2, 28)), (2027, date(2027, 2, 28)), (2028, date(2028, 2, 29)), (2000, date(2000, 2, 29))],
)
def test_a_birthday_on_29_february(year: int, kept: date) -> None:
    birthday = Birthday.of("02-29")
    assert birthday.in_year(year) == kept
    assert [day for day in year_of(year) if birthday.falls_on(SHIPPED.day(day))] == [kept]


@given(month_day=month_days, year=years)
def test_a_birthday_comes_exactly_once_a_year(month_day: str, year: int) -> None:
    birthday = Birthday.of(month_day)
    kept = [day for day in year_of(year) if birthday.falls_on(SHIPPED.day(day)) == year]
    assert kept == [birthday.in_year(year)]


@given(month_day=month_days, year=years)
@example(month_day="02-29", year=2027)
@example(month_day="02-29", year=2028)
def test_the_timer_finds_the_same_members(month_day: str, year: int) -> None:
    birthday = Birthday.of(month_day)
    for day in (birthday.in_year(year), date(year, 2, 28), date(year, 3, 1)):
        assert (month_day in birthdays_kept_on(day)) == (birthday.in_year(year) == day)


@pytest.mark.parametrize("written", ["02-30", "13-01", "00-10", "8-15", "2000"])
def test_a_day_that_no_year_has_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month|day"):
        Birthday.of(written)


@given(month=st.integers(1, 12), day=st.integers(1, 29), lunar_year=st.integers(1951, 2055))
def test_a_lunar_birthday_comes_once_a_lunar_year(month: int, day: int, lunar_year: int) -> None:
    birthday = LunarBirthday.of(month, day, born_in_leap_month=False)
    counted = [
        birthday.falls_on(SHIPPED.day(date_)) for year in (lunar_year, lunar_year + 1) for date_ in year_of(year)
    ]
    assert counted.count(lunar_year) == 1


def test_a_lunar_birthday_is_kept_in_the_ordinary_month() -> None:
    birthday = LunarBirthday.of(6, 15, born_in_leap_month=False)
    assert [day for day in year_of(2025) if birthday.falls_on(SHIPPED.day(day))] == [date(2025, 7, 9)]


def test_a_gregorian_year_may_hold_two_lunar_birthdays_of_two_lunar_years() -> None:
    birthday = LunarBirthday.of(11, 20, born_in_leap_month=False)
    kept = {day: birthday.falls_on(SHIPPED.day(day)) for day in year_of(2026)}
    assert {day: year for day, year in kept.items() if year} == {date(2026, 1, 8): 2025, date(2026, 12, 28): 2026}


@pytest.mark.parametrize(("day", "leap"), [(15, True), (30, False), (30, True)])
def test_an_ambiguous_lunar_birthday_is_refused(day: int, leap: bool) -> None:
    with pytest.raises(AmbiguousBirthdayError, match="give the birthday by Gregorian date"):
        LunarBirthday.of(6, day, born_in_leap_month=leap)


def test_a_lunar_birthday_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        LunarBirthday.of(13, 1, born_in_leap_month=False)
