"""What a reward costs, how many there are and who may have it (points.md, Redemption)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.fields import Identifier, MinorUnits
from shared.programs.calendar import LunarMarketDays
from shared.programs.days import Period
from shared.programs.fields import Flag, PackPart, PositivePoints, PositiveWhole
from shared.programs.lines import Names

Units = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
LimitPeriod = Literal["order", "day", "week", "month", "year", "lifetime"]


class Price(PackPart):
    """For one claim: `points`, and `money_minor` to be paid beside them."""

    points: PositivePoints
    money_minor: MinorUnits = 0


class SpecialPrice(Price):
    """A price for a time or for tiers (M28, M42): it holds when everything it says is so.

    Of the usual price and the special ones that hold, the one with the fewest points counts, then the least money.
    """

    season: Identifier | None = None
    period: Period | None = None
    member_day: Flag = False
    lunar_days: Annotated[LunarMarketDays, Field(min_length=1)] | None = None
    tiers: Names | None = None

    @model_validator(mode="after")
    def _is_special(self) -> Self:
        if self.season is not None and self.period is not None:
            raise ValueError("say season or period, not both")
        if not self.member_day and all(
            said is None for said in (self.season, self.period, self.lunar_days, self.tiers)
        ):
            raise ValueError(
                "a special price says when or for whom: season, period, member_day: true, lunar_days or tiers"
            )
        return self


class Stock(PackPart):
    """`units` may be claimed in all, or on each day, week or month; `period` narrows the line to those dates."""

    units: Units
    per: Literal["total", "day", "week", "month"] = "total"
    period: Period | None = None


class Limit(PackPart):
    """One member may have at most `units` per order, calendar day, week, month or year, or ever."""

    units: PositiveWhole
    per: LimitPeriod


class Purchased(PackPart):
    """A line with one of these labels, bought within `within_days` days; each line serves once (M43)."""

    labels: Names
    within_days: Annotated[int, Field(strict=True, ge=1, le=3_660)]


class Eligibility(PackPart):
    """Who may claim: everything written must be so. `lifetime_at_least` counts points earned, not those held."""

    tiers: Names | None = None
    balance_at_least: PositivePoints | None = None
    lifetime_at_least: PositivePoints | None = None
    purchased: Purchased | None = None
