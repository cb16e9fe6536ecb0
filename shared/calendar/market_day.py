"""Market days (赶集日, M18): days of the lunar or Gregorian month, or weekdays.

Lunar days 1, 6, 11, 16, 21, 26 are now five days apart and now four: a market is named by its days, never by a
distance. A town meets in a leap month as in any other, so nothing needs to be said about those.
"""

import re
from collections.abc import Collection

from shared.calendar.day_facts import DayTest

_DIGITS = "十一二三四五六七八九"  # by their value; 十 means 10, 20 and 30
_SAYING = re.compile(f"逢[{_DIGITS}](?:[、逢]*[{_DIGITS}])*")


def lunar_days_of(saying: str) -> tuple[int, ...]:
    """The days a market town means by 逢一六 or 逢五、十: those of the lunar month that end in these digits."""
    return _days_ending_in(_digits_of(saying), 30)


def gregorian_days_of(saying: str) -> tuple[int, ...]:
    """The same of the Gregorian month. 逢一 is refused: some towns meet on the 31st and some do not."""
    digits = _digits_of(saying)
    if 1 in digits:
        raise ValueError(f"{saying} leaves open whether the 31st is meant; list the days of the month")
    return _days_ending_in(digits, 31)


def lunar_market(days: Collection[int]) -> DayTest:
    """`days` of every lunar month, 1–30; a month of 29 days has no 30th, and no market on it."""
    wanted = _within(days, 1, 30, "a day of the lunar month")
    return lambda day: day.lunar.day in wanted


def gregorian_market(days: Collection[int]) -> DayTest:
    """`days` of every Gregorian month, 1–31."""
    wanted = _within(days, 1, 31, "a day of the month")
    return lambda day: day.day.day in wanted


def weekday_market(weekdays: Collection[int]) -> DayTest:
    """ISO weekdays: 1 = Monday … 7 = Sunday."""
    wanted = _within(weekdays, 1, 7, "a weekday")
    return lambda day: day.weekday in wanted


def _within(numbers: Collection[int], low: int, high: int, what: str) -> frozenset[int]:
    for number in numbers:
        if not low <= number <= high:
            raise ValueError(f"{what} is a number from {low} to {high}, not {number}")
    return frozenset(numbers)


def _digits_of(saying: str) -> frozenset[int]:
    if _SAYING.fullmatch(saying) is None:
        raise ValueError(f"'{saying}' is no saying of market days; write one such as 逢一六, or list the days")
    return frozenset(_DIGITS.index(digit) for digit in saying if digit in _DIGITS)


def _days_ending_in(digits: Collection[int], longest_month: int) -> tuple[int, ...]:
    return tuple(day for day in range(1, longest_month + 1) if day % 10 in digits)
