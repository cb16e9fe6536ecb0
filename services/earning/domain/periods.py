"""Where a day lies: the first day of its day, month or year; a lifetime begins on 1 January 1900."""

from datetime import date
from typing import Final, Literal

_EVER: Final = date(1900, 1, 1)


def start_of_period(day: date, per: Literal["day", "month", "year", "lifetime"]) -> date:
    if per == "day":
        return day
    if per == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if per == "year" else _EVER
