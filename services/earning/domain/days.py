"""Conditions on the day of an event, in the program's time zone, as tests of the calendar's facts."""

from collections.abc import Callable, Iterator, Sequence

from shared.calendar.day_facts import DayFacts, DayTest
from shared.calendar.lunar_dates import LunarDate, LunarPeriod, in_lunar_period, on_lunar_dates
from shared.calendar.market_day import gregorian_market, lunar_market, weekday_market
from shared.calendar.statutory import on_adjusted_workday, on_day_off, on_statutory_holiday, on_workday
from shared.programs.day_pattern import falls_on
from shared.programs.days import DayPattern, Period
from shared.programs.rules.conditions import LunarDayOfYear, LunarTime, Occasion, StatutoryKind

_STATUTORY: dict[StatutoryKind, Callable[[], DayTest]] = {
    "holiday": on_statutory_holiday,
    "adjusted_workday": on_adjusted_workday,
    "workday": on_workday,
    "day_off": on_day_off,
}


def day_tests(written: Occasion, member_day: DayPattern | None) -> Iterator[tuple[str, DayTest]]:
    """Cheap ones first, days off last: so a campaign of one year never asks for the notices of another.

    Raises ValueError where the member day is meant and the program names none.
    """
    if written.dates is not None:
        yield "dates", _within(written.dates)
    if written.weekdays is not None:
        yield "weekdays", weekday_market(written.weekdays)
    if written.gregorian_market_days is not None:
        yield "gregorian_market_days", gregorian_market(written.gregorian_market_days)
    if written.member_day is not None:
        yield "member_day", on_pattern(member_day)
    if written.lunar_market_days is not None:
        yield "lunar_market_days", lunar_market(written.lunar_market_days)
    if written.lunar is not None:
        yield "lunar", _lunar(written.lunar)
    if written.statutory is not None:
        yield "statutory", _any([_STATUTORY[kind]() for kind in written.statutory])
    if written.holidays is not None:
        yield "holidays", on_statutory_holiday(written.holidays)


def on_pattern(pattern: DayPattern | None) -> DayTest:
    """Raises ValueError where there is none."""
    if pattern is None:
        raise ValueError("a rule means the member day, and the program names none; add member_day to the pack")
    return falls_on(pattern)


def _within(periods: Sequence[Period]) -> DayTest:
    spans = [(period.from_, period.to) for period in periods]
    if len(spans) == 1:
        first, end = spans[0]
        return lambda day: first <= day.day < end
    return lambda day: any(first <= day.day < end for first, end in spans)


def _lunar(time: LunarTime) -> DayTest:
    dates = [_lunar_date(date) for date in time.dates]
    periods = [LunarPeriod(_lunar_date(period.from_), _lunar_date(period.to)) for period in time.periods]
    return _any(
        [
            on_lunar_dates(dates, leap_month_counts=time.leap_month_counts),
            *(in_lunar_period(period, leap_month_counts=time.leap_month_counts) for period in periods),
        ]
    )


def _lunar_date(written: LunarDayOfYear) -> LunarDate:
    return LunarDate(written.month, written.day)


def _any(tests: Sequence[DayTest]) -> DayTest:
    if len(tests) == 1:
        return tests[0]

    def any_of(day: DayFacts) -> bool:
        return any(test(day) for test in tests)

    return any_of
