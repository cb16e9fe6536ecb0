"""On which days a pattern of the pack falls: member days, offset days."""

from shared.calendar.day_facts import DayTest
from shared.calendar.market_day import gregorian_market, lunar_market, weekday_market
from shared.calendar.member_day import on_dates
from shared.programs.days import DayPattern


def falls_on(pattern: DayPattern) -> DayTest:
    """A test of the calendar's facts, to be made once for a version."""
    if pattern.days_of_month is not None:
        return gregorian_market(pattern.days_of_month)
    if pattern.weekdays is not None:
        return weekday_market(pattern.weekdays)
    if pattern.lunar_days is not None:
        return lunar_market(pattern.lunar_days)
    return on_dates(pattern.dates or ())
