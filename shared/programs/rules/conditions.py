"""When a rule applies, and which lines it counts (points.md, Earning).

A condition that is not written asks nothing; an empty list matches nothing. Under `unless` each condition that is
written must not hold: `unless: {skus: []}` asks nothing, for no line is of no SKU.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic.types import StrictInt, StrictStr

from shared.calendar.day_facts import Holiday
from shared.events.fields import Channel, Condition, Identifier, MinorUnits
from shared.programs.calendar import GregorianMarketDays, LunarMarketDays
from shared.programs.days import Period, Weekday
from shared.programs.fields import Flag, PackPart

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)


def _clock(text: str) -> str:
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(f"'{text}' is no time of day; write it like 09:30, up to 24:00")
    return text


Clock = Annotated[StrictStr, AfterValidator(_clock)]
Names = Annotated[tuple[Identifier, ...], Field(max_length=2_000)]
StatutoryKind = Literal["holiday", "adjusted_workday", "workday", "day_off"]


class Hours(PackPart):
    """From `from`, inside, to `to`, the first minute after, on the clock of the program's time zone.

    A `to` that is not later than `from` runs over midnight.
    """

    from_: Annotated[Clock, Field(alias="from")]
    to: Clock

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.from_ in {self.to, "24:00"}:
            raise ValueError("from and to must differ, and from is 23:59 at the latest; leave hours out for all day")
        return self

    def minutes(self) -> tuple[int, int]:
        """Both as minutes since midnight."""
        first, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (self.from_, self.to))
        return first, end


def _last_day(value: Any) -> Any:
    return None if value == "last" else value


class LunarDayOfYear(PackPart):
    """Day `day` of lunar month `month`; the word last, or null, is the month's last day, the 29th or the 30th."""

    month: Annotated[StrictInt, Field(ge=1, le=12)]
    day: Annotated[Annotated[StrictInt, Field(ge=1, le=29)] | None, BeforeValidator(_last_day)]


class LunarPeriodOfYear(PackPart):
    """From `from`, the first day inside, to `to`, the first day after; may run over the lunar new year."""

    from_: Annotated[LunarDayOfYear, Field(alias="from")]
    to: LunarDayOfYear

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.from_ == self.to:
            raise ValueError("from and to must differ: to is the first day after the period")
        return self


class LunarTime(PackPart):
    """Any of these dates and periods. Whether a leap month counts like the month it repeats must be said."""

    dates: Annotated[tuple[LunarDayOfYear, ...], Field(max_length=400)] = ()
    periods: Annotated[tuple[LunarPeriodOfYear, ...], Field(max_length=100)] = ()
    leap_month_counts: Flag


class Occasion(PackPart):
    """Conditions on the time of the event, in the program's time zone, and on the member.

    `market_day_…` are days of each month (M18); `member_day` is the one the pack names; `statutory` what the day is by
    the State Council's notice, `holidays` of which holiday it is a day off. `segments`: any of them.
    """

    dates: Annotated[tuple[Period, ...], Field(max_length=1_000)] | None = None
    weekdays: tuple[Weekday, ...] | None = None
    hours: Annotated[tuple[Hours, ...], Field(max_length=50)] | None = None
    lunar: LunarTime | None = None
    lunar_market_days: LunarMarketDays | None = None
    gregorian_market_days: GregorianMarketDays | None = None
    statutory: tuple[StatutoryKind, ...] | None = None
    holidays: tuple[Holiday, ...] | None = None
    member_day: Literal[True] | None = None
    birthday: Literal[True] | None = None
    tiers: Names | None = None
    segments: Names | None = None


class When(Occasion):
    """Conditions of a receipt: those of its lines narrow what is counted, the others admit or refuse the whole rule.

    Labels: any of them. Spend is the receipt's whole basis in minor units, or that of the rule's own lines
    (`spend_of`); an amount equal to the threshold passes.
    """

    skus: Names | None = None
    categories: Names | None = None
    labels: Names | None = None
    conditions: tuple[Condition, ...] | None = None
    brands: Names | None = None
    merchants: Names | None = None
    stores: Names | None = None
    channels: tuple[Channel, ...] | None = None
    codes: Names | None = None
    min_spend_minor: MinorUnits | None = None
    max_spend_minor: MinorUnits | None = None
    spend_of: Literal["receipt", "own_lines"] = "receipt"
    first_order: Literal[True] | None = None


LINE_CONDITIONS = ("skus", "categories", "labels", "conditions", "brands")
"""Those that narrow lines; all others admit or refuse the rule."""
