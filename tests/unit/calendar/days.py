"""Ways to write days shortly in these tests."""

from collections.abc import Iterator
from datetime import date, timedelta

from hypothesis import strategies as st

from shared.calendar.chinese import FIRST_YEAR, LAST_YEAR

known_dates = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))


def year_of(year: int) -> Iterator[date]:
    return run(date(year, 1, 1), date(year, 12, 31))


def run(first: date, last: date) -> Iterator[date]:
    """Every date from `first` to `last`, both inside."""
    return (first + timedelta(days=count) for count in range((last - first).days + 1))


def on(*written: str) -> set[date]:
    return {date.fromisoformat(day) for day in written}
