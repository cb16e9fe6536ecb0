"""Days and periods of a program: calendar dates in its time zone (M18 market day, M22 seasons, M23 member days)."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.types import StrictInt

from shared.events.fields import Identifier
from shared.programs.fields import CalendarDate, PackPart
from shared.programs.texts import Name


class Period(PackPart):
    """Calendar dates in the program's time zone: `from` is the first day inside, `to` the first day after."""

    from_: Annotated[CalendarDate, Field(alias="from")]
    to: CalendarDate

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.to <= self.from_:
            raise ValueError(f"to ({self.to}) is the first day after the period: it must be later than from")
        return self


class Season(PackPart):
    """A named time of the year that prices may refer to; the periods of each year are written out."""

    season_id: Identifier
    name: Name
    periods: Annotated[tuple[Period, ...], Field(min_length=1, max_length=100)]


MonthDayNumber = Annotated[StrictInt, Field(ge=1, le=31)]
LunarDayNumber = Annotated[StrictInt, Field(ge=1, le=30)]
Weekday = Annotated[StrictInt, Field(ge=1, le=7)]


class DayPattern(PackPart):
    """Days that come again: days of the month, ISO weekdays (1 = Monday), days of the lunar month, or a list of dates.

    Exactly one of the four. A month without a named day has no such day: the 31st is not moved to the 30th.
    """

    days_of_month: Annotated[tuple[MonthDayNumber, ...], Field(min_length=1)] | None = None
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    lunar_days: Annotated[tuple[LunarDayNumber, ...], Field(min_length=1)] | None = None
    dates: Annotated[tuple[CalendarDate, ...], Field(min_length=1, max_length=1_000)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in (self.days_of_month, self.weekdays, self.lunar_days, self.dates) if way is not None]
        if len(ways) != 1:
            raise ValueError("say exactly one of days_of_month, weekdays, lunar_days, dates")
        if len(set(ways[0])) != len(ways[0]):
            raise ValueError("a day is named twice; keep one")
        return self
