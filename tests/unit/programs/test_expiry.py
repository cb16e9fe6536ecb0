"""Expiry dates: facts of points.md, daylight saving, and odd midnights."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.programs.expiry import add_months, business_day, expires_at, last_day, start_of_day
from shared.programs.pack import Expiry

SHANGHAI = ZoneInfo("Asia/Shanghai")

# hypothesis takes its bounds naive and adds the zone itself
instants = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2090-01-01"), timezones=st.just(UTC)
)


@pytest.mark.parametrize(
    ("written", "earned_on", "lives_through"),
    [
        ({"months": 1}, date(2026, 5, 10), date(2026, 6, 10)),
        ({"months": 1}, date(2026, 10, 31), date(2026, 11, 30)),
        ({"months": 1}, date(2027, 1, 31), date(2027, 2, 28)),
        ({"months": 1}, date(2028, 1, 31), date(2028, 2, 29)),
        ({"months": 2}, date(2026, 12, 31), date(2027, 2, 28)),
        ({"years": 1}, date(2028, 2, 29), date(2029, 2, 28)),
        ({"years": 4}, date(2028, 2, 29), date(2032, 2, 29)),
        ({"days": 0}, date(2026, 5, 10), date(2026, 5, 10)),
        ({"days": 30}, date(2026, 2, 10), date(2026, 3, 12)),
        ({"months": 0}, date(2026, 5, 31), date(2026, 5, 31)),
        ({"months": 1, "round_to": "month_end"}, date(2026, 5, 10), date(2026, 6, 30)),
        ({"years": 3, "round_to": "year_end"}, date(2026, 5, 10), date(2029, 12, 31)),
        ({"months": 12, "round_to": "year_end"}, date(2026, 1, 1), date(2027, 12, 31)),
        ({"years": 0, "round_to": "year_end"}, date(2026, 5, 10), date(2026, 12, 31)),
        ("end_of_month", date(2026, 2, 1), date(2026, 2, 28)),
        ("end_of_month", date(2026, 12, 31), date(2026, 12, 31)),
        ("end_of_year", date(2026, 12, 31), date(2026, 12, 31)),
        ("never", date(2026, 5, 10), None),
    ],
)
def test_the_last_day_points_live(written: Any, earned_on: date, lives_through: date | None) -> None:
    assert last_day(Expiry.model_validate(written), earned_on) == lives_through


def test_points_expire_at_the_first_instant_after_their_last_day_in_the_program_s_zone() -> None:
    month = Expiry(months=1)
    noon = datetime(2026, 5, 10, 12, tzinfo=SHANGHAI)
    assert expires_at(month, noon, SHANGHAI) == datetime(2026, 6, 11, tzinfo=SHANGHAI)
    assert expires_at(Expiry(at="never"), noon, SHANGHAI) is None


def test_the_business_day_is_the_program_s_and_not_utc_s() -> None:
    late_in_utc = datetime(2026, 5, 9, 16, tzinfo=UTC)
    assert business_day(late_in_utc, SHANGHAI) == date(2026, 5, 10)
    assert business_day(late_in_utc - timedelta(microseconds=1), SHANGHAI) == date(2026, 5, 9)
    assert expires_at(Expiry(days=0), late_in_utc, SHANGHAI) == datetime(2026, 5, 10, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "first_instant"),
    [
        ("Europe/London", date(2026, 3, 29), datetime(2026, 3, 29, 0, tzinfo=UTC)),
        ("Europe/London", date(2026, 3, 30), datetime(2026, 3, 29, 23, tzinfo=UTC)),  # after the jump
        ("Europe/London", date(2026, 10, 26), datetime(2026, 10, 26, 0, tzinfo=UTC)),
        ("America/New_York", date(2026, 11, 2), datetime(2026, 11, 2, 5, tzinfo=UTC)),
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC)),  # had no midnight
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),  # had two
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),  # did not exist
    ],
)
def test_days_begin_where_clocks_change(zone: str, day: date, first_instant: datetime) -> None:
    assert start_of_day(day, ZoneInfo(zone)) == first_instant


@given(
    instants,
    st.integers(0, 60),
    st.sampled_from(["Asia/Shanghai", "Europe/London", "America/New_York", "Australia/Lord_Howe"]),
)
def test_points_live_at_least_to_the_end_of_their_day_and_longer_is_later(
    at: datetime, count: int, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    for unit in ("days", "months", "years"):
        first = expires_at(Expiry.model_validate({unit: count}), at, zone)
        longer = expires_at(Expiry.model_validate({unit: count + 1}), at, zone)
        assert first is not None
        assert longer is not None
        assert at < first < longer
        assert business_day(first, zone) > business_day(first - timedelta(microseconds=1), zone)


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 240))
def test_rounding_up_is_never_earlier(day: date, months: int) -> None:
    plain = add_months(day, months)
    for rounded_to in ("month_end", "year_end"):
        expiry = Expiry.model_validate({"months": months, "round_to": rounded_to})
        assert (last_day(expiry, day) or date.min) >= plain


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({}, "exactly one of"),
        ({"days": 1, "months": 1}, "exactly one of"),
        ({"days": 10, "round_to": "month_end"}, "months or years only"),
        ({"at": "never", "round_to": "year_end"}, "months or years only"),
        ("inactivity", "write `after: inactivity`"),
        ({"inactivity": 90}, "write `after: inactivity`"),
        ({"at": "never", "after": "inactivity"}, "days, months or years only"),
        ("someday", "end_of_month"),
        ({"days": -1}, "greater than or equal to 0"),
    ],
)
def test_expiry_that_cannot_be_meant_is_refused(written: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Expiry.model_validate(written)
