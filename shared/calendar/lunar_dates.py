"""Lunar dates of a campaign. Whoever asks must say whether a leap month counts: there is no default.

If it counts, a day of a leap month is judged like the same day of the month it repeats; else no day of it matches.
"""

from collections.abc import Collection
from dataclasses import dataclass

from shared.calendar.day_facts import DayFacts, DayTest


@dataclass(frozen=True, slots=True)
class LunarDate:
    """Lunar month 1–12 and day 1–29; `day` None is the last day of the month, the 29th or the 30th."""

    month: int
    day: int | None

    def __post_init__(self) -> None:
        if not 1 <= self.month <= 12:
            raise ValueError(f"a lunar month is a number from 1 to 12, not {self.month}")
        if self.day == 30:
            raise ValueError("not every lunar month has a 30th day; say the last day of the month, or a day up to 29")
        if self.day is not None and not 1 <= self.day <= 29:
            raise ValueError(f"a lunar day is a number from 1 to 29, or the last of its month, not {self.day}")


@dataclass(frozen=True, slots=True)
class LunarPeriod:
    """From `first`, inside, to `end`, the first day after; it may run over the lunar new year."""

    first: LunarDate
    end: LunarDate

    def __post_init__(self) -> None:
        if self.first == self.end:
            raise ValueError("a lunar period ends on another day than it begins: its end is the first day after it")


def on_lunar_dates(dates: Collection[LunarDate], *, leap_month_counts: bool) -> DayTest:
    fixed = frozenset((date.month, date.day) for date in dates if date.day is not None)
    last_days = frozenset(date.month for date in dates if date.day is None)

    def on_date(day: DayFacts) -> bool:
        lunar = day.lunar
        if lunar.leap and not leap_month_counts:
            return False
        return (lunar.month, lunar.day) in fixed or (lunar.month in last_days and lunar.is_last_of_month)

    return on_date


def in_lunar_period(period: LunarPeriod, *, leap_month_counts: bool) -> DayTest:
    first, end = _place_of_date(period.first), _place_of_date(period.end)

    def within(day: DayFacts) -> bool:
        return first <= _place_of_day(day) < end and (leap_month_counts or not day.lunar.leap)

    def across_new_year(day: DayFacts) -> bool:
        return not end <= _place_of_day(day) < first and (leap_month_counts or not day.lunar.leap)

    return within if first < end else across_new_year


# Places order the days of a lunar year. The last day of a month comes after every numbered date, which is at most
# the 29th: so it has one place, whether it is the 29th or the 30th.
_PLACES_OF_A_MONTH, _LAST_PLACE = 32, 31


def _place_of_date(date: LunarDate) -> int:
    return date.month * _PLACES_OF_A_MONTH + (_LAST_PLACE if date.day is None else date.day)


def _place_of_day(day: DayFacts) -> int:
    lunar = day.lunar
    return lunar.month * _PLACES_OF_A_MONTH + (_LAST_PLACE if lunar.day == lunar.month_length else lunar.day)
