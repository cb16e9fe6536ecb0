"""A program's dates are those of the calendar, whatever day was asked for before."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.dates import ProgramDates
from shared.programs.expiry import business_day, expires_at
from shared.programs.pack import Expiry

ZONES = ("Asia/Shanghai", "America/New_York", "America/St_Johns", "America/Havana", "Pacific/Apia", "Asia/Kathmandu")
YEAR = Expiry(years=1, round_to="month_end")
NEAR = st.integers(-200_000, 200_000).map(lambda seconds: timedelta(seconds=seconds))


@given(
    st.sampled_from(ZONES).map(ZoneInfo),
    st.integers(480_000_000, 2_200_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.lists(NEAR, min_size=1, max_size=8),
)
def test_each_instant_has_its_own_day(zone: ZoneInfo, around: datetime, steps: list[timedelta]) -> None:
    dates = ProgramDates(zone, YEAR)
    for step in steps * 2:
        at = around + step
        assert dates.day(at) == business_day(at, zone)
        assert dates.expires_at(at) == expires_at(YEAR, at, zone)


def test_a_midnight_that_comes_twice_is_the_day_that_clocks_show() -> None:
    """In Newfoundland clocks went from 00:01 back to 23:01 of the day before."""
    zone = ZoneInfo("America/St_Johns")
    dates = ProgramDates(zone, YEAR)
    first = datetime(2006, 10, 29, 2, 30, tzinfo=UTC)  # midnight
    shown = [dates.day(first + timedelta(minutes=minutes)) for minutes in (-1, 0, 1, 59, 60, 0, 59)]
    sunday, saturday = date(2006, 10, 29), date(2006, 10, 28)
    assert shown == [saturday, sunday, saturday, saturday, sunday, sunday, saturday]


def test_the_ends_of_the_calendar_have_days_too() -> None:
    dates = ProgramDates(ZoneInfo("Asia/Shanghai"), Expiry(at="never"))
    assert dates.day(datetime.min.replace(tzinfo=UTC)) == date.min
    assert dates.day(datetime(9999, 12, 31, tzinfo=UTC)) == date.max
    assert dates.expires_at(datetime(9999, 12, 31, tzinfo=UTC)) is None
