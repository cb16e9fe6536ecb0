"""The dates that follow from an event's time under one program version.

Events of one business day share them, so each day is worked out once. What is remembered changes no answer.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.programs.expiry import business_day, expires_after, start_of_day
from shared.programs.pack import Expiry

_DAY = timedelta(days=1)
_REMEMBERED_DAYS = 4096
_Span = tuple[datetime, datetime, date]  # from, until (exclusive), the day between the two


class ProgramDates:
    """All instants are aware; those returned are UTC."""

    def __init__(self, zone: ZoneInfo, expiry: Expiry) -> None:
        self._zone = zone
        self._last: _Span | None = None  # of the day asked for last: nearly always that of the next event
        self._last_at: datetime | None = None  # asked for last, in that day
        self._span_of = lru_cache(maxsize=_REMEMBERED_DAYS)(self._span)
        self._expires_after = lru_cache(maxsize=_REMEMBERED_DAYS)(lambda day: expires_after(expiry, day, zone))

    def day(self, at: datetime) -> date:
        """The calendar date of an instant in the program's time zone."""
        last = self._last
        if last is not None and (at is self._last_at or last[0] <= at < last[1]):
            self._last_at = at  # one event asks several times
            return last[2]
        day = business_day(at, self._zone)
        self._last, self._last_at = self._span_of(day), at
        return day

    def expires_at(self, at: datetime) -> datetime | None:
        """When points earned at this instant have expired; None = never."""
        return self._expires_after(self.day(at))

    def _span(self, day: date) -> _Span | None:
        """None for a day on which clocks change, or at the ends of the calendar: such a day is not remembered."""
        try:
            first, end = start_of_day(day, self._zone), start_of_day(day + _DAY, self._zone)
        except OverflowError:
            return None
        return (first, end, day) if end - first == _DAY else None
