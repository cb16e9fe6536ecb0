"""Standing rights of a tier or threshold: they burn no points and are bounded by count and budget (C05, M29, M32)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.fields import Identifier
from shared.programs.fields import Flag, PackPart, Percent, PositiveMinorUnits, PositivePoints, PositiveWhole
from shared.programs.lines import Lines, Names
from shared.programs.texts import Name


class Benefit(PackPart):
    """For members of these `tiers`, or with `lifetime_at_least` points earned: `times` times `per` period."""

    benefit_id: Identifier
    enabled: Flag = True
    name: Name
    tiers: Names | None = None
    lifetime_at_least: PositivePoints | None = None
    times: PositiveWhole
    per: Literal["month", "year", "lifetime"]
    budget_id: Identifier

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if self.tiers is None and self.lifetime_at_least is None:
            raise ValueError("a benefit says for whom: tiers or lifetime_at_least")
        return self


class ServiceBenefit(Benefit):
    """A service or a gift of that market value."""

    kind: Literal["service", "gift"]
    market_value_minor: PositiveMinorUnits


class PercentBenefit(Benefit):
    """`percent` off the named lines of a bill, at most `max_minor` each time."""

    kind: Literal["percent"]
    percent: Percent
    max_minor: PositiveMinorUnits
    lines: Lines


AnyBenefit = Annotated[ServiceBenefit | PercentBenefit, Field(discriminator="kind")]
