"""Notices of days off that a program states itself: a year the library does not know yet, or a correction."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from shared.calendar.day_facts import DayKind, Holiday, StatutoryDay
from shared.calendar.sources import LAST_LUNAR_YEAR, lunar_months, published_years

ALL_HOLIDAYS_SINCE = 2008
"""From this year on every notice has the seven holidays; Qingming, Dragon Boat and Mid-Autumn came then."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`days` of `year`; the New Year's holiday may reach into the December before it.

    `whole_year`: everything the year's own notice is known to say is replaced; a day not named is what its weekday
    says. Else the named days alone are corrected; None makes a day what its weekday says. `source`: the document.
    """

    year: int
    version: int
    source: str
    whole_year: bool
    days: tuple[tuple[date, StatutoryDay | None], ...]


class Fault(NamedTuple):
    """What is wrong, in a sentence, and the day it is about (None = the notice as a whole)."""

    day: date | None
    sentence: str


@dataclass(frozen=True, slots=True)
class CalendarOverrides:
    """Notices that win over the library's. Of one year the highest version wins, day by day."""

    notices: tuple[Notice, ...] = ()

    def in_order(self) -> tuple[Notice, ...]:
        """By year and rising version: what a later one states wins."""
        return tuple(sorted(self.notices, key=lambda notice: (notice.year, notice.version)))


def notice_year(day: date, stated: StatutoryDay) -> int:
    """The year whose notice tells of `day`: the New Year's holiday may begin in the December before."""
    return day.year + 1 if day.month == 12 and stated.holiday is Holiday.NEW_YEAR else day.year


def faults_of_notice(notice: Notice) -> Iterator[Fault]:
    """What is wrong with one notice in itself."""
    seen: set[date] = set()
    for day, stated in notice.days:
        if day in seen:
            yield Fault(day, f"{day} is named twice; each day is one thing")
        seen.add(day)
        yield from _faults_of_day(notice.year, day, stated)
    if notice.whole_year:
        yield from _missing_holidays(notice)


def _faults_of_day(year: int, day: date, stated: StatutoryDay | None) -> Iterator[Fault]:
    if stated is None:
        if day.year != year:
            yield Fault(day, f"{day} is not of {year}; correct the date or the year")
        return
    if notice_year(day, stated) != year:
        sentence = f"{day} does not belong to the notice of {year}, which has the dates of {year} and, for the "
        yield Fault(day, sentence + "New Year's holiday alone, of the December before; correct the date or the year")
    if stated.kind is DayKind.ADJUSTED_WORKDAY and day.isoweekday() < 6:
        yield Fault(day, f"{day} is no Saturday or Sunday, so it cannot be an adjusted workday; correct the date")


def fault_among_notices(notices: Collection[Notice]) -> tuple[int, str] | None:
    """The first notice (its place) that does not go with the others, and why."""
    seen: set[tuple[int, int]] = set()
    known = published_years() | {notice.year for notice in notices if notice.whole_year}
    for place, notice in enumerate(notices):
        if (notice.year, notice.version) in seen:
            return (
                place,
                f"version {notice.version} for {notice.year} occurs twice; give the later one a higher version",
            )
        seen.add((notice.year, notice.version))
        if notice.year not in known:
            return (
                place,
                f"{notice.year} is not published yet, so single days cannot be corrected; state the whole year",
            )
    return None


def _missing_holidays(notice: Notice) -> Iterator[Fault]:
    """A year half typed would pass for known, so each holiday's own day must be off."""
    if not ALL_HOLIDAYS_SINCE <= notice.year <= LAST_LUNAR_YEAR:
        sentence = f"whole years can be stated from {ALL_HOLIDAYS_SINCE} to {LAST_LUNAR_YEAR}, not {notice.year}"
        yield Fault(None, sentence)
        return
    off = {day for day, stated in notice.days if stated is not None and stated.kind is DayKind.HOLIDAY}
    for holiday, candidates in own_days(notice.year):
        if off.isdisjoint(candidates):
            days = " or ".join(map(str, candidates))
            yield Fault(None, f"{holiday.value} ({days}) is not a day off here; a whole year names every holiday")


def own_days(year: int) -> Iterator[tuple[Holiday, tuple[date, ...]]]:
    """Each holiday with the day it cannot do without. Qingming falls on 4 or 5 April."""
    yield Holiday.NEW_YEAR, (date(year, 1, 1),)
    yield Holiday.SPRING_FESTIVAL, (_lunar_date(year, 1, 1),)
    yield Holiday.QINGMING, (date(year, 4, 4), date(year, 4, 5))
    yield Holiday.LABOUR_DAY, (date(year, 5, 1),)
    yield Holiday.DRAGON_BOAT, (_lunar_date(year, 5, 5),)
    yield Holiday.MID_AUTUMN, (_lunar_date(year, 8, 15),)
    yield Holiday.NATIONAL_DAY, (date(year, 10, 1),)


def _lunar_date(year: int, month: int, day: int) -> date:
    first = next(known.first for known in lunar_months(year) if known.month == month and not known.leap)
    return date.fromordinal(first.toordinal() + day - 1)
