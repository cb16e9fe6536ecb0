"""What a pack may say about days off: a year as the State Council published it, or corrections of single days.

Also market days as towns say them: a list of days, or words such as 逢一六.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.types import StrictInt

from shared.calendar.day_facts import DayKind, Holiday, StatutoryDay
from shared.calendar.market_day import gregorian_days_of, lunar_days_of
from shared.calendar.notices import CalendarOverrides, Notice, fault_among_notices, faults_of_notice
from shared.events.fields import Version
from shared.programs.days import LunarDayNumber, MonthDayNumber
from shared.programs.fields import CalendarDate, MisplacedError, PackPart, Sentence

_Located = tuple[date, StatutoryDay | None, tuple[int | str, ...]]


class DaysOff(PackPart):
    """A run of days off as a notice words it: `first` and `last` are both off, `days` is its "共 N 天"."""

    first: CalendarDate
    last: CalendarDate
    days: Annotated[StrictInt, Field(ge=1, le=31)]

    @model_validator(mode="after")
    def _counts(self) -> Self:
        found = (self.last - self.first).days + 1
        if found != self.days:
            raise ValueError(f"from {self.first} to {self.last} are {found} days, not {self.days}; correct one of them")
        return self


class HolidayPart(PackPart):
    """One paragraph of a notice: the days off of a holiday, and the weekends `worked` to make up for them."""

    holiday: Holiday
    days_off: DaysOff | None = None
    worked: Annotated[tuple[CalendarDate, ...], Field(max_length=31)] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.days_off is None and not self.worked:
            raise ValueError(f"says neither which days are off for {self.holiday.value} nor which are worked; add one")
        return self


class NoticePart(PackPart):
    """A notice for one year. `source` is its document number.

    `covers`: `whole_year` states every holiday of the year; `single_days` corrects the days it names. `ordinary`
    days are neither off nor made up for: what their weekday says. Of one year the highest `version` wins.
    """

    year: Annotated[StrictInt, Field(ge=2004, le=2056)]
    version: Version
    source: Sentence
    covers: Literal["whole_year", "single_days"]
    holidays: Annotated[tuple[HolidayPart, ...], Field(max_length=50)] = ()
    ordinary: Annotated[tuple[CalendarDate, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        places = {day: place for day, _, place in self._located()}
        for fault in faults_of_notice(self.notice()):
            raise MisplacedError(() if fault.day is None else places[fault.day], fault.sentence)
        return self

    def notice(self) -> Notice:
        days = tuple((day, stated) for day, stated, _ in self._located())
        return Notice(self.year, self.version, self.source, self.covers == "whole_year", days)

    def _located(self) -> Iterator[_Located]:
        for position, part in enumerate(self.holidays):
            at = ("holidays", position)
            if part.days_off is not None:
                off = StatutoryDay(DayKind.HOLIDAY, part.holiday)
                for count in range(part.days_off.days):
                    yield part.days_off.first + timedelta(days=count), off, (*at, "days_off")
            made_up = StatutoryDay(DayKind.ADJUSTED_WORKDAY, part.holiday)
            for place, day in enumerate(part.worked):
                yield day, made_up, (*at, "worked", place)
        for place, day in enumerate(self.ordinary):
            yield day, None, ("ordinary", place)


class CalendarPart(PackPart):
    """Notices that win over the built-in calendar, for the program that states them."""

    notices: Annotated[tuple[NoticePart, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if fault := fault_among_notices(self.overrides().notices):
            raise MisplacedError(("notices", fault[0]), fault[1])
        return self

    def overrides(self) -> CalendarOverrides:
        return CalendarOverrides(tuple(part.notice() for part in self.notices))


def _said_in_words(days_of: Callable[[str], tuple[int, ...]]) -> BeforeValidator:
    return BeforeValidator(lambda written: days_of(written) if isinstance(written, str) else written)


LunarMarketDays = Annotated[tuple[LunarDayNumber, ...], _said_in_words(lunar_days_of)]
GregorianMarketDays = Annotated[tuple[MonthDayNumber, ...], _said_in_words(gregorian_days_of)]
