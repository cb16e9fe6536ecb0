"""The calendar that decisions ask: lunar dates from 1951 to 2056, days off of the years that are published."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from shared.calendar.day_facts import DayFacts, DayKind, LunarDay, StatutoryDay
from shared.calendar.notices import CalendarOverrides, fault_among_notices, faults_of_notice, notice_year
from shared.calendar.sources import (
    FIRST_LUNAR_YEAR,
    LAST_LUNAR_YEAR,
    LUNAR_SOURCE,
    LunarMonth,
    lunar_months,
    published_days,
    published_years,
)
from shared.calendar.unpublished import CalendarYearUnpublishedError

FIRST_YEAR, LAST_YEAR = FIRST_LUNAR_YEAR + 1, LAST_LUNAR_YEAR
"""Gregorian years whose every day has a lunar date."""

_REMEMBERED_DAYS = 4096
_WORKDAY, _WEEKEND = StatutoryDay(DayKind.WORKDAY), StatutoryDay(DayKind.WEEKEND)


class Calendar:
    """The same answers for ever. `version` names them: another fact or another source is another version.

    `published_years`: those whose days off are known.
    """

    version: Final[str]
    published_years: Final[frozenset[int]]
    day: Final[Callable[[date], DayFacts]]
    """The facts of a calendar date, remembered. Raises CalendarYearUnpublishedError outside 1951–2056."""

    def __init__(self, days: Mapping[date, StatutoryDay], years: frozenset[int], sources: tuple[str, ...]) -> None:
        self._days = days
        self.published_years = years
        self.version = _version(days, years, sources)
        self.day = lru_cache(maxsize=_REMEMBERED_DAYS)(self._day)

    def _day(self, day: date) -> DayFacts:
        if type(day) is not date:
            raise TypeError(f"the calendar knows dates; {day!r} is none: take its date in the program's time zone")
        return DayFacts(day, day.isoweekday(), lunar_day(day), self._statutory(day))

    def _statutory(self, day: date) -> StatutoryDay | None:
        stated = self._days.get(day)
        if stated is not None:
            return stated
        if day.year not in self.published_years:
            return None
        return _WORKDAY if day.isoweekday() < 6 else _WEEKEND


@lru_cache(maxsize=64)
def calendar_with(overrides: CalendarOverrides) -> Calendar:
    """Equal overrides give the same calendar. Raises ValueError for notices that contradict themselves."""
    if fault := fault_among_notices(overrides.notices):
        raise ValueError(fault[1])
    days, years, sources = dict(published_days()), set(published_years()), []
    for notice in overrides.in_order():
        if fault_within := next(faults_of_notice(notice), None):
            raise ValueError(fault_within.sentence)
        if notice.whole_year:
            years.add(notice.year)
            days = {day: stated for day, stated in days.items() if notice_year(day, stated) != notice.year}
        for day, stated in notice.days:
            if stated is None:
                days.pop(day, None)
            else:
                days[day] = stated
        sources.append(f"{notice.year} version {notice.version}: {notice.source}")
    return Calendar(days, frozenset(years), tuple(sources))


def lunar_day(day: date) -> LunarDay:
    """The lunar day of a Gregorian date, as almanacs print it. Raises CalendarYearUnpublishedError."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise CalendarYearUnpublishedError.of_lunar_dates(day.year, FIRST_YEAR, LAST_YEAR)
    months = lunar_months(day.year)
    if day < months[0].first:
        months = lunar_months(day.year - 1)
    month = months[bisect_right(months, day, key=_first_day) - 1]
    number = (day - month.first).days + 1
    return LunarDay(month.year, month.month, number, month.leap, month.length, month.last_of_year)


def _first_day(month: LunarMonth) -> date:
    return month.first


def _version(days: Mapping[date, StatutoryDay], years: frozenset[int], sources: tuple[str, ...]) -> str:
    told = [f"{day} {stated.kind} {stated.holiday}" for day, stated in sorted(days.items(), key=lambda item: item[0])]
    everything = "\n".join((LUNAR_SOURCE, str(sorted(years)), *sources, *told))
    return f"{max(years)}-{hashlib.sha256(everything.encode()).hexdigest()[:12]}"


SHIPPED: Final = calendar_with(CalendarOverrides())
