"""Tiers (points.md, Tiers; M29, M32): by points earned or money spent over a window of time."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.fields import Identifier
from shared.programs.fields import Days, Flag, MisplacedError, PackPart
from shared.programs.texts import Name

Threshold = Annotated[int, Field(strict=True, ge=1, le=2**53)]


class TierWindow(PackPart):
    """What is counted: the last `rolling_days` days or `rolling_months` months, or the present calendar period."""

    rolling_days: Annotated[Days, Field(ge=1)] | None = None
    rolling_months: Annotated[int, Field(strict=True, ge=1, le=1_200)] | None = None
    calendar: Literal["month", "quarter", "year"] | None = None

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if sum(window is not None for window in (self.rolling_days, self.rolling_months, self.calendar)) != 1:
            raise ValueError("say exactly one of rolling_days, rolling_months, calendar")
        return self


class TierValidity(PackPart):
    """How long a tier that was reached is good: N days or months, to the end of that day, or of its month."""

    days: Annotated[Days, Field(ge=1)] | None = None
    months: Annotated[int, Field(strict=True, ge=1, le=1_200)] | None = None
    to_month_end: Flag = False

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.days is None) == (self.months is None):
            raise ValueError("say exactly one of days, months")
        return self


class Tier(PackPart):
    """Reached at `threshold` points or minor units. Members see new rewards `early_view_days` days earlier (M47)."""

    tier_id: Identifier
    name: Name
    threshold: Threshold
    early_view_days: Days = 0


class Tiers(PackPart):
    """The tiers from low to high; whoever reaches none has none.

    `fall: to_count` lands where the count qualifies at the end of validity or grace, `one_step` one tier lower.
    """

    qualify_by: Literal["points", "money"]
    window: TierWindow
    validity: TierValidity
    grace_days: Days = 0
    fall: Literal["to_count", "one_step"] = "to_count"
    levels: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _rise(self) -> Self:
        for place, (lower, higher) in enumerate(zip(self.levels, self.levels[1:], strict=False), start=1):
            if higher.threshold <= lower.threshold:
                message = f"tier '{higher.tier_id}' must have a higher threshold than '{lower.tier_id}' before it"
                raise MisplacedError(("levels", place, "threshold"), message)
        return self
