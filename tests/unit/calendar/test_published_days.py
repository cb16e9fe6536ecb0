"""Days off and adjusted workdays: published facts, and the two libraries against each other over all their years."""

from datetime import date

import pytest

from shared.calendar.chinese import SHIPPED
from shared.calendar.day_facts import DayKind, Holiday
from shared.calendar.notices import ALL_HOLIDAYS_SINCE, own_days
from shared.calendar.statutory import on_adjusted_workday, on_day_off, on_statutory_holiday, on_workday
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.reason_codes import ReasonCode
from tests.unit.calendar.days import on, run, year_of

PUBLISHED = range(2004, 2027)
ALWAYS = {Holiday.NEW_YEAR, Holiday.SPRING_FESTIVAL, Holiday.LABOUR_DAY, Holiday.NATIONAL_DAY}


def off_in(year: int) -> set[date]:
    return {day for day in year_of(year) if SHIPPED.day(day).statutory.kind is DayKind.HOLIDAY}


def worked_in(year: int) -> set[date]:
    return {day for day in year_of(year) if SHIPPED.day(day).statutory.kind is DayKind.ADJUSTED_WORKDAY}


def days(first: str, last: str) -> set[date]:
    return set(run(date.fromisoformat(first), date.fromisoformat(last)))


def test_2026_is_as_the_state_council_published_it() -> None:
    assert off_in(2026) == (
        days("2026-01-01", "2026-01-03")
        | days("2026-02-15", "2026-02-23")
        | days("2026-04-04", "2026-04-06")
        | days("2026-05-01", "2026-05-05")
        | days("2026-06-19", "2026-06-21")
        | days("2026-09-25", "2026-09-27")
        | days("2026-10-01", "2026-10-07")
    )
    assert worked_in(2026) == on("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")


def test_2025_where_two_holidays_share_a_week() -> None:
    assert days("2025-01-28", "2025-02-04") | days("2025-10-01", "2025-10-08") <= off_in(2025)
    assert worked_in(2025) == on("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11")


def test_2020_with_its_extended_spring_festival() -> None:
    assert days("2020-01-24", "2020-02-02") <= off_in(2020)
    assert date(2020, 2, 1) not in worked_in(2020)


@pytest.mark.parametrize(("first", "last"), [("2011-06-04", "2011-06-06"), ("2012-06-22", "2012-06-24")])
def test_days_that_the_library_leaves_out_of_a_dragon_boat_holiday(first: str, last: str) -> None:
    found = {SHIPPED.day(day).statutory.holiday for day in days(first, last)}
    assert found == {Holiday.DRAGON_BOAT}


def test_a_notice_may_begin_in_the_december_before() -> None:
    assert date(2018, 12, 31) in off_in(2018)
    assert date(2018, 12, 29) in worked_in(2018)


@pytest.mark.parametrize("year", PUBLISHED)
def test_every_published_holiday_has_its_own_day_off(year: int) -> None:
    """The lunar festivals are computed by one library, the days off are tables of the other."""
    off = off_in(year)
    for holiday, candidates in own_days(year):
        if year >= ALL_HOLIDAYS_SINCE or holiday in ALWAYS:
            assert off & set(candidates), f"{holiday} of {year}"


@pytest.mark.parametrize("year", PUBLISHED)
def test_every_day_is_one_kind_and_made_up_days_are_weekends(year: int) -> None:
    for day in year_of(year):
        known = SHIPPED.day(day).statutory
        weekend = day.isoweekday() > 5
        assert (known.kind is DayKind.WORKDAY) <= (not weekend)
        assert (known.kind in {DayKind.WEEKEND, DayKind.ADJUSTED_WORKDAY}) <= weekend
        assert (known.holiday is not None) == (known.kind in {DayKind.HOLIDAY, DayKind.ADJUSTED_WORKDAY})


@pytest.mark.parametrize("year", [2003, 2027, 2028])
def test_an_unpublished_year_is_an_error_that_says_what_to_do(year: int) -> None:
    day = SHIPPED.day(date(year, 10, 1))
    assert day.published is None
    for question in (on_statutory_holiday(), on_adjusted_workday(), on_workday(), on_day_off()):
        with pytest.raises(
            CalendarYearUnpublishedError, match=f"{year} are not known.*under calendar.notices"
        ) as refused:
            question(day)
        assert refused.value.code is ReasonCode.CALENDAR_YEAR_UNPUBLISHED
        assert refused.value.year == year


def test_exactly_the_years_whose_notice_is_out() -> None:
    """When the library learns 2027 this fails: see that the State Council has published it, then raise the range."""
    assert SHIPPED.published_years == frozenset(PUBLISHED)
    assert SHIPPED.version.startswith("2026-")


@pytest.mark.parametrize(
    ("written", "holiday", "workday", "off", "made_up"),
    [
        ("2026-02-17", True, False, True, False),
        ("2026-02-14", False, True, False, True),  # a Saturday
        ("2026-02-21", True, False, True, False),  # a Saturday inside the holiday
        ("2026-03-07", False, False, True, False),  # an ordinary Saturday
        ("2026-03-09", False, True, False, False),
    ],
)
def test_questions(written: str, holiday: bool, workday: bool, off: bool, made_up: bool) -> None:
    day = SHIPPED.day(date.fromisoformat(written))
    assert on_statutory_holiday()(day) == holiday
    assert on_workday()(day) == workday
    assert on_day_off()(day) == off
    assert on_adjusted_workday()(day) == made_up


def test_questions_by_name() -> None:
    spring, dragon_boat = SHIPPED.day(date(2026, 2, 17)), SHIPPED.day(date(2026, 6, 19))
    ask = on_statutory_holiday([Holiday.DRAGON_BOAT, Holiday.MID_AUTUMN])
    assert (ask(spring), ask(dragon_boat)) == (False, True)
    assert not on_statutory_holiday([])(spring)
    worked = SHIPPED.day(date(2026, 2, 14))
    assert on_adjusted_workday([Holiday.SPRING_FESTIVAL])(worked)
    assert not on_adjusted_workday([Holiday.SPRING_FESTIVAL])(spring)
    assert not on_statutory_holiday([Holiday.SPRING_FESTIVAL])(worked)
    assert not on_adjusted_workday([Holiday.NATIONAL_DAY])(worked)
