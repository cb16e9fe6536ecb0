"""When the next birthday begins, and in which period a deed counts."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.earning.domain.birthdays import next_birthday
from services.earning.domain.periods import start_of_period

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("birthday", "after", "begins"),
    [
        ("05-10", "2026-05-09T15:59:59+00:00", "2026-05-09T16:00:00+00:00"),  # 00:00 in Shanghai is 16:00 UTC
        ("05-10", "2026-05-09T16:00:00+00:00", "2027-05-09T16:00:00+00:00"),  # it has begun: next year's
        ("01-01", "2026-12-31T15:00:00+00:00", "2026-12-31T16:00:00+00:00"),
        ("12-31", "2026-12-31T16:30:00+00:00", "2027-12-30T16:00:00+00:00"),  # 1 January there already
        ("02-29", "2026-03-01T00:00:00+00:00", "2027-02-27T16:00:00+00:00"),  # kept on the 28th
        ("02-29", "2028-02-27T20:00:00+00:00", "2028-02-28T16:00:00+00:00"),  # a leap year has the 29th
        ("02-28", "2028-02-27T15:00:00+00:00", "2028-02-27T16:00:00+00:00"),
    ],
)
def test_a_birthday_begins_with_its_day_in_the_programs_zone(birthday: str, after: str, begins: str) -> None:
    found = next_birthday(birthday, datetime.fromisoformat(after), SHANGHAI)
    assert found == datetime.fromisoformat(begins)
    assert found.tzinfo is UTC


def test_midnight_that_the_clocks_skip_is_the_jump_itself() -> None:
    """In Beirut 26 March 2023 began at 01:00."""
    found = next_birthday("03-26", datetime(2023, 3, 1, tzinfo=UTC), ZoneInfo("Asia/Beirut"))
    assert found == datetime(2023, 3, 25, 22, tzinfo=UTC)


def test_a_period_begins_with_its_first_day() -> None:
    day = date(2026, 11, 22)
    assert start_of_period(day, "day") == day
    assert start_of_period(day, "month") == date(2026, 11, 1)
    assert start_of_period(day, "year") == date(2026, 1, 1)
    assert start_of_period(day, "lifetime") == start_of_period(date(2030, 1, 1), "lifetime")
