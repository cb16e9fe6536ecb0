"""Member days (会员日) that a program lists. Those of each month or week are asked like market days (market_day.py)."""

from collections.abc import Collection
from datetime import date

from shared.calendar.day_facts import DayTest


def on_dates(dates: Collection[date]) -> DayTest:
    wanted = frozenset(dates)
    return lambda day: day.day in wanted
