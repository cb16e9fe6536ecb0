"""When a member's next birthday begins (points.md, Earning)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from shared.calendar.birthday import Birthday
from shared.programs.expiry import business_day, start_of_day


def next_birthday(birth_month_day: str, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of the next birthday that begins later than `after`, in the program's time zone."""
    birthday = Birthday.of(birth_month_day)
    year = business_day(after, zone).year
    begins = start_of_day(birthday.in_year(year), zone)
    return begins if begins > after else start_of_day(birthday.in_year(year + 1), zone)
