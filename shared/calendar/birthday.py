"""Birthdays: once a year, 29 February on the 28th in other years (points.md, "Earning")."""

from calendar import isleap
from dataclasses import dataclass
from datetime import date
from typing import Self

from shared.calendar.day_facts import DayFacts


class AmbiguousBirthdayError(ValueError):
    """A lunar birthday that families keep on different days: it is refused, not guessed."""


@dataclass(frozen=True, slots=True)
class Birthday:
    """By the Gregorian calendar, from the contract's `birth_month_day` such as 02-29."""

    month: int
    day: int

    @classmethod
    def of(cls, month_day: str) -> Self:
        """Raises ValueError for a day that no year has."""
        leap_day = date.fromisoformat(f"2000-{month_day}")
        return cls(leap_day.month, leap_day.day)

    def in_year(self, year: int) -> date:
        on_leap_day = (self.month, self.day) == (2, 29)
        return date(year, self.month, 28 if on_leap_day and not isleap(year) else self.day)

    def falls_on(self, day: DayFacts) -> int | None:
        """The Gregorian year whose birthday this is; None on any other day."""
        return day.day.year if self.in_year(day.day.year) == day.day else None


@dataclass(frozen=True, slots=True)
class LunarBirthday:
    """By the lunar calendar: day 1–29 of a month 1–12, kept in the ordinary month where a leap month repeats it.

    It counts for its *lunar* year: a Gregorian year may hold two such days, or none.
    """

    month: int
    day: int

    @classmethod
    def of(cls, month: int, day: int, *, born_in_leap_month: bool) -> Self:
        """Raises AmbiguousBirthdayError for a leap month or a 30th day: most years have no such day."""
        if born_in_leap_month:
            raise AmbiguousBirthdayError("most years have no such leap month; give the birthday by Gregorian date")
        if day == 30:
            raise AmbiguousBirthdayError("not every year has a 30th in that month; give the birthday by Gregorian date")
        if not (1 <= month <= 12 and 1 <= day <= 29):
            raise ValueError(f"lunar month {month} day {day} does not exist; months are 1 to 12, days 1 to 29")
        return cls(month, day)

    def falls_on(self, day: DayFacts) -> int | None:
        """The lunar year whose birthday this is; None on any other day."""
        lunar = day.lunar
        matches = (lunar.month, lunar.day) == (self.month, self.day) and not lunar.leap
        return lunar.year if matches else None


def birthdays_kept_on(day: date) -> tuple[str, ...]:
    """Every `birth_month_day` whose birthday is kept on this day, so that a timer finds its members by key."""
    own = f"{day.month:02}-{day.day:02}"
    return (own, "02-29") if own == "02-28" and not isleap(day.year) else (own,)
