"""What the two calendar libraries say, turned into values of our own. No other file knows them: they have no types.

chinesecalendar holds the State Council's notices as tables. Its questions recompute their bounds at every call
(0.1 ms), so the tables are read here, once. lunar_python works out new moons and solar terms; its tables of days off
are not used. Its months are asked for by `LunarYear(…)`, which costs milliseconds and shares nothing: the cached
`fromYear` keeps its lock for ever when a year cannot be computed, and converting a day costs milliseconds as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from types import MappingProxyType

import chinese_calendar
from lunar_python import LunarYear

from shared.calendar.day_facts import DayKind, Holiday, StatutoryDay

FIRST_LUNAR_YEAR, LAST_LUNAR_YEAR = 1950, 2056
"""Lunar years on which independent computations agree day by day; in 2057 two put a new moon on different days."""

LUNAR_SOURCE = f"lunar_python {version('lunar_python')}"

_JULIAN_DAY_OF_ORDINAL_ZERO = 1_721_425
_HOLIDAYS = MappingProxyType(
    {
        "New Year's Day": Holiday.NEW_YEAR,
        "Spring Festival": Holiday.SPRING_FESTIVAL,
        "Tomb-sweeping Day": Holiday.QINGMING,
        "Labour Day": Holiday.LABOUR_DAY,
        "Dragon Boat Festival": Holiday.DRAGON_BOAT,
        "Mid-autumn Festival": Holiday.MID_AUTUMN,
        "National Day": Holiday.NATIONAL_DAY,
        "Anti-Fascist 70th Day": Holiday.SPECIAL,
    }
)
# Weekend days inside a Dragon Boat holiday that the tables leave out; both notices name the whole run.
_LEFT_OUT = {
    date(2011, 6, 5): Holiday.DRAGON_BOAT,  # 国办发明电〔2010〕40号: 4 to 6 June
    date(2012, 6, 23): Holiday.DRAGON_BOAT,  # 国办发明电〔2011〕45号: 22 to 24 June
}


@dataclass(frozen=True, slots=True)
class LunarMonth:
    """A month of lunar year `year` that begins on the Gregorian date `first` and has `length` days."""

    year: int
    month: int
    leap: bool
    first: date
    length: int
    last_of_year: bool


@lru_cache(maxsize=128)
def lunar_months(year: int) -> tuple[LunarMonth, ...]:
    """The 12 or 13 months of a lunar year, in order. Raises ValueError outside the years that are known."""
    if not FIRST_LUNAR_YEAR <= year <= LAST_LUNAR_YEAR:
        raise ValueError(f"lunar years are known from {FIRST_LUNAR_YEAR} to {LAST_LUNAR_YEAR}, not {year}")
    months = LunarYear(year).getMonthsInYear()
    return tuple(
        LunarMonth(
            year=year,
            month=abs(month.getMonth()),
            leap=month.isLeap(),
            first=date.fromordinal(int(month.getFirstJulianDay()) - _JULIAN_DAY_OF_ORDINAL_ZERO),
            length=month.getDayCount(),
            last_of_year=month is months[-1],
        )
        for month in months
    )


def published_days() -> Mapping[date, StatutoryDay]:
    """Every day off and every adjusted workday that the library knows; other days are what their weekday says."""
    named = {day: _HOLIDAYS[name] for day, name in chinese_calendar.holidays.items()}
    off = {day: StatutoryDay(DayKind.HOLIDAY, holiday) for day, holiday in (named | _LEFT_OUT).items()}
    work = {
        day: StatutoryDay(DayKind.ADJUSTED_WORKDAY, _HOLIDAYS[name]) for day, name in chinese_calendar.workdays.items()
    }
    return MappingProxyType(off | work)


def published_years() -> frozenset[int]:
    """The years whose own notice the library holds.

    A notice may reach into the December before, so a year counts by its National Day, which is never moved.
    """
    return frozenset(day.year for day in chinese_calendar.holidays if (day.month, day.day) == (10, 1))
