"""Notices of a program: they win over the library, and a wrong one is refused."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.calendar.chinese import SHIPPED, Calendar, calendar_with
from shared.calendar.day_facts import DayFacts, DayKind, Holiday, StatutoryDay
from shared.calendar.notices import CalendarOverrides, Notice, own_days
from shared.calendar.unpublished import CalendarYearUnpublishedError
from tests.unit.calendar.days import known_dates, year_of


def off(holiday: Holiday) -> StatutoryDay:
    return StatutoryDay(DayKind.HOLIDAY, holiday)


def worked(holiday: Holiday) -> StatutoryDay:
    return StatutoryDay(DayKind.ADJUSTED_WORKDAY, holiday)


# Made up for these tests: the State Council's notice for 2027 is not out.
INVENTED_2027 = Notice(
    2027,
    1,
    "invented for tests",
    True,
    (
        *((candidates[0], off(holiday)) for holiday, candidates in own_days(2027)),
        (date(2026, 12, 31), off(Holiday.NEW_YEAR)),
        (date(2027, 1, 9), worked(Holiday.NEW_YEAR)),
    ),
)
CORRECTION = Notice(2026, 1, "corrects", False, ((date(2026, 3, 9), off(Holiday.SPECIAL)), (date(2026, 2, 14), None)))


def stating(*notices: Notice) -> Calendar:
    return calendar_with(CalendarOverrides(notices))


def kind(calendar: Calendar, year: int, month: int, day: int) -> DayKind:
    return calendar.day(date(year, month, day)).statutory.kind


def test_a_whole_year_becomes_known() -> None:
    calendar = stating(INVENTED_2027)
    assert calendar.published_years == SHIPPED.published_years | {2027}
    assert kind(calendar, 2027, 1, 9) is DayKind.ADJUSTED_WORKDAY
    assert kind(calendar, 2027, 1, 4) is DayKind.WORKDAY
    assert kind(calendar, 2027, 1, 10) is DayKind.WEEKEND
    assert calendar.day(date(2027, 2, 6)).statutory == off(Holiday.SPRING_FESTIVAL)
    with pytest.raises(CalendarYearUnpublishedError):
        kind(calendar, 2028, 1, 1)


def test_a_notice_reaches_into_the_december_before() -> None:
    assert kind(SHIPPED, 2026, 12, 31) is DayKind.WORKDAY
    assert kind(stating(INVENTED_2027), 2026, 12, 31) is DayKind.HOLIDAY


def test_single_days_are_corrected_and_the_others_stay() -> None:
    calendar = stating(CORRECTION)
    assert kind(calendar, 2026, 3, 9) is DayKind.HOLIDAY
    assert kind(calendar, 2026, 2, 14) is DayKind.WEEKEND
    changed = {day for day in year_of(2026) if calendar.day(day) != SHIPPED.day(day)}
    assert changed == {date(2026, 3, 9), date(2026, 2, 14)}


def test_a_whole_year_replaces_what_the_library_says_of_it_and_nothing_of_the_next_notice() -> None:
    """2018-12-31 is off by the notice for 2019, so restating 2018 leaves it alone."""
    restated = Notice(2018, 1, "restated", True, tuple((days[0], off(holiday)) for holiday, days in own_days(2018)))
    calendar = stating(restated)
    assert kind(calendar, 2018, 2, 15) is DayKind.WORKDAY
    assert kind(SHIPPED, 2018, 2, 15) is DayKind.HOLIDAY
    assert kind(calendar, 2018, 12, 31) is DayKind.HOLIDAY
    assert kind(calendar, 2017, 12, 30) is kind(SHIPPED, 2017, 12, 30)


def test_of_one_year_the_highest_version_wins() -> None:
    second = replace(CORRECTION, version=2, days=((date(2026, 3, 9), None),))
    for notices in ((CORRECTION, second), (second, CORRECTION)):
        calendar = stating(*notices)
        assert kind(calendar, 2026, 3, 9) is DayKind.WORKDAY
        assert kind(calendar, 2026, 2, 14) is DayKind.WEEKEND


def test_a_later_whole_year_forgets_earlier_corrections() -> None:
    correction = Notice(2027, 2, "corrects", False, ((date(2027, 3, 1), off(Holiday.SPECIAL)),))
    assert kind(stating(INVENTED_2027, correction), 2027, 3, 1) is DayKind.HOLIDAY
    assert kind(stating(INVENTED_2027, correction, replace(INVENTED_2027, version=3)), 2027, 3, 1) is DayKind.WORKDAY


@given(day=st.dates(date(2026, 1, 1), date(2026, 12, 31)), holiday=st.sampled_from(Holiday))
def test_what_a_program_states_wins(day: date, holiday: Holiday) -> None:
    if day.month == 12 and holiday is Holiday.NEW_YEAR:
        return
    calendar = stating(Notice(2026, 7, "states", False, ((day, off(holiday)),)))
    assert calendar.day(day).statutory == off(holiday)


@pytest.mark.parametrize(
    ("notice", "sentence"),
    [
        (replace(CORRECTION, year=2027), "2027 is not published yet, so single days cannot be corrected"),
        (replace(CORRECTION, days=((date(2025, 3, 9), off(Holiday.SPECIAL)),)), "2025-03-09 does not belong"),
        (replace(CORRECTION, days=((date(2025, 12, 9), off(Holiday.SPECIAL)),)), "2025-12-09 does not belong"),
        (replace(CORRECTION, days=((date(2025, 12, 9), None),)), "2025-12-09 is not of 2026"),
        (replace(CORRECTION, days=((date(2026, 3, 9), worked(Holiday.QINGMING)),)), "is no Saturday or Sunday"),
        (replace(CORRECTION, days=(*CORRECTION.days, (date(2026, 3, 9), None))), "2026-03-09 is named twice"),
        (replace(INVENTED_2027, days=INVENTED_2027.days[:4]), r"dragon_boat \(2027-06-09\) is not a day off here"),
        (Notice(2099, 1, "too far", True, ()), "from 2008 to 2056, not 2099"),
    ],
)
def test_a_wrong_notice_is_refused(notice: Notice, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        stating(notice)


def test_one_version_of_a_year_once() -> None:
    with pytest.raises(ValueError, match="version 1 for 2026 occurs twice"):
        stating(CORRECTION, CORRECTION)


def test_equal_overrides_are_one_calendar_and_versions_tell_calendars_apart() -> None:
    assert stating().version == SHIPPED.version
    assert stating(CORRECTION) is stating(replace(CORRECTION))
    another_document = replace(CORRECTION, source="another document")
    versions = {stating(*notices).version for notices in ((), (CORRECTION,), (another_document,), (INVENTED_2027,))}
    assert len(versions) == 4
    assert stating(INVENTED_2027).version.startswith("2027-")


def test_a_day_is_worked_out_once() -> None:
    assert SHIPPED.day(date(2026, 5, 5)) is SHIPPED.day(date(2026, 5, 5))


@given(day=known_dates)
@example(day=date(2025, 8, 1))  # in a leap month
@example(day=date(2026, 2, 14))  # an adjusted workday
@example(day=date(2030, 2, 3))  # not published
def test_stored_facts_come_back(day: date) -> None:
    facts = SHIPPED.day(day)
    assert DayFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    "change",
    [
        {"day": "yesterday"},
        {"day": 20260217},
        {"lunar": [2026, 1, 1]},
        {"lunar": [2026, 1, 1, 2, 30, 0]},
        {"statutory": ["feast", None]},
        {"statutory": ["holiday", "carnival"]},
        {"statutory": "holiday"},
        {"more": 1},
    ],
)
def test_facts_of_another_form_are_refused(change: dict[str, object]) -> None:
    stored = SHIPPED.day(date(2026, 2, 17)).to_json()
    with pytest.raises(ValueError):
        DayFacts.from_json(stored | change)
