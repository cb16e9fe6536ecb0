"""What is known about one calendar date: its lunar day and whether the State Council made it a day off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Self

from shared.calendar.unpublished import CalendarYearUnpublishedError


class Holiday(StrEnum):
    """The statutory holidays; `SPECIAL` is one given for a single year, such as 2015-09-03."""

    NEW_YEAR = "new_year"
    SPRING_FESTIVAL = "spring_festival"
    QINGMING = "qingming"
    LABOUR_DAY = "labour_day"
    DRAGON_BOAT = "dragon_boat"
    MID_AUTUMN = "mid_autumn"
    NATIONAL_DAY = "national_day"
    SPECIAL = "special"


class DayKind(StrEnum):
    """What a day is by the notice of its year: every day is exactly one of these."""

    HOLIDAY = "holiday"
    ADJUSTED_WORKDAY = "adjusted_workday"
    WORKDAY = "workday"
    WEEKEND = "weekend"


@dataclass(frozen=True, slots=True)
class StatutoryDay:
    """`holiday` is the one a day off belongs to, or the one an adjusted workday makes up for; else None."""

    kind: DayKind
    holiday: Holiday | None = None


@dataclass(frozen=True, slots=True)
class LunarDay:
    """Day `day` (1–30) of lunar month `month` (1–12); `leap`: of the leap month that repeats `month`.

    `year` is the lunar year, so the days before the lunar new year belong to the year before. `month_length` is
    29 or 30. `last_month`: no other month follows in this lunar year.
    """

    year: int
    month: int
    day: int
    leap: bool
    month_length: int
    last_month: bool

    @property
    def is_last_of_month(self) -> bool:
        return self.day == self.month_length

    @property
    def is_new_years_eve(self) -> bool:
        """除夕, whether the month has 29 days or 30."""
        return self.last_month and self.is_last_of_month


@dataclass(frozen=True, slots=True)
class DayFacts:
    """One calendar date in the program's time zone. `weekday` is ISO: 1 = Monday … 7 = Sunday.

    `published` is None where the days off of its year are not published.
    """

    day: date
    weekday: int
    lunar: LunarDay
    published: StatutoryDay | None

    @property
    def statutory(self) -> StatutoryDay:
        """Raises CalendarYearUnpublishedError where nobody can know yet."""
        if self.published is None:
            raise CalendarYearUnpublishedError.of_holidays(self.day.year)
        return self.published

    def to_json(self) -> dict[str, object]:
        """To be stored with a decision, so that it is recomputed without the tables of its time."""
        lunar, known = self.lunar, self.published
        return {
            "day": self.day.isoformat(),
            "lunar": [lunar.year, lunar.month, lunar.day, int(lunar.leap), lunar.month_length, int(lunar.last_month)],
            "statutory": None if known is None else [known.kind.value, known.holiday and known.holiday.value],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Raises ValueError for anything that `to_json` does not write."""
        match stored:
            case {"day": str(written), "lunar": [*numbers], "statutory": known, **others} if not others:
                day = date.fromisoformat(written)
                return cls(day, day.isoweekday(), _lunar(numbers), _statutory(known))
        raise _unreadable(stored)


DayTest = Callable[[DayFacts], bool]
"""A question about a day, made once per program version."""


def _lunar(numbers: list[object]) -> LunarDay:
    match numbers:
        case [int(year), int(month), int(day), 0 | 1 as leap, int(length), 0 | 1 as last]:
            return LunarDay(year, month, day, leap == 1, length, last == 1)
    raise _unreadable(numbers)


def _statutory(known: object) -> StatutoryDay | None:
    match known:
        case None:
            return None
        case [str(kind), str() | None as holiday]:
            return StatutoryDay(DayKind(kind), None if holiday is None else Holiday(holiday))
    raise _unreadable(known)


def _unreadable(stored: object) -> ValueError:
    return ValueError(f"stored facts of a day {stored!r} are not of the form that DayFacts.to_json writes")
