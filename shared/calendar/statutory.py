"""Questions about days off. Each raises CalendarYearUnpublishedError for a year whose notice is not known.

`day.published or day.statutory`: the property raises where nothing is published, and is slower than the field.
"""

from collections.abc import Collection

from shared.calendar.day_facts import DayFacts, DayKind, DayTest, Holiday


def on_statutory_holiday(names: Collection[Holiday] | None = None) -> DayTest:
    """A day off that a notice names, weekends inside it included; of the holidays `names` (None = of any)."""
    return _is(DayKind.HOLIDAY, names)


def on_adjusted_workday(names: Collection[Holiday] | None = None) -> DayTest:
    """A Saturday or Sunday that is worked to make up for a holiday of `names` (None = for any)."""
    return _is(DayKind.ADJUSTED_WORKDAY, names)


def on_workday() -> DayTest:
    """A day people work, adjusted workdays included."""
    return _is_either(DayKind.WORKDAY, DayKind.ADJUSTED_WORKDAY)


def on_day_off() -> DayTest:
    """A statutory holiday, or a Saturday or Sunday that is not worked."""
    return _is_either(DayKind.HOLIDAY, DayKind.WEEKEND)


def _is(kind: DayKind, names: Collection[Holiday] | None) -> DayTest:
    def of_any(day: DayFacts) -> bool:
        return (day.published or day.statutory).kind is kind

    wanted = frozenset(names or ())

    def of_named(day: DayFacts) -> bool:
        known = day.published or day.statutory
        return known.kind is kind and known.holiday in wanted

    return of_any if names is None else of_named


def _is_either(one: DayKind, other: DayKind) -> DayTest:
    def either(day: DayFacts) -> bool:
        kind = (day.published or day.statutory).kind
        return kind is one or kind is other

    return either
