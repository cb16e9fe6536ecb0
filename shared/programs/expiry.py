"""When points expire: date arithmetic only, no clock (points.md, "Pending, available, expiry")."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.programs.pack import Expiry


@lru_cache(maxsize=8192)  # one event asks many times
def business_day(at: datetime, zone: ZoneInfo) -> date:
    """The calendar date of the aware instant `at` in the program's time zone."""
    return at.astimezone(zone).date()


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`, in UTC.

    Where clocks skip midnight, the earlier offset turns 00:00 into the very instant of the jump.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """The same day number `months` months on, or that month's last day where it is shorter."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, monthrange(year, month0 + 1)[1]))


def last_day(expiry: Expiry, earned_on: date) -> date | None:
    """The last calendar day on which points of business day `earned_on` live; None = they never expire.

    None as well for `after: inactivity`: that date moves with the member's next grant or order, so no lot knows it.
    """
    if expiry.at == "never" or expiry.after == "inactivity":
        return None
    if expiry.at == "end_of_month":
        return _month_end(earned_on)
    if expiry.at == "end_of_year":
        return _year_end(earned_on)
    if expiry.days is not None:
        return earned_on + timedelta(days=expiry.days)
    months = expiry.months if expiry.months is not None else 12 * (expiry.years or 0)
    day = add_months(earned_on, months)
    if expiry.round_to == "month_end":
        return _month_end(day)
    return _year_end(day) if expiry.round_to == "year_end" else day


def expires_at(expiry: Expiry, event_time: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant (UTC) at which points earned at `event_time` have expired; None = never."""
    return expires_after(expiry, business_day(event_time, zone), zone)


def expires_after(expiry: Expiry, earned_on: date, zone: ZoneInfo) -> datetime | None:
    """The same for points earned on a business day.

    It is the first instant after the last day, in the program's time zone: a lot at that instant is expired.
    """
    day = last_day(expiry, earned_on)
    return None if day is None else start_of_day(day + timedelta(days=1), zone)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _year_end(day: date) -> date:
    return day.replace(month=12, day=31)
