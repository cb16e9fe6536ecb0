"""The program pack: everything a program manager decides about one program, as one versioned document."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.events.fields import (
    ClawBackPolicy,
    Currency,
    Identifier,
    MinorUnits,
    ProgramId,
    Timestamp,
    Version,
)
from shared.programs.fields import (
    CalendarDate,
    Days,
    Hours,
    MisplacedError,
    Months,
    PackPart,
    PositivePoints,
    PositiveWhole,
    Sentence,
    TimeZone,
    Years,
)
from shared.programs.rules import AnyRule, MaterialRule


def _refuse_unbuilt(value: Any) -> Any:
    """Choices the design names and this version does not make are refused by name."""
    if value is True:
        raise ValueError("shipping that earns is not built yet; write false or leave the line out")
    if value == "proportional":
        raise ValueError("the proportional method is not built yet; write recompute or leave the line out")
    return value


def _age(value: Any) -> Any:
    if value == "unlimited" or (type(value) is int and value >= 1):
        return value
    raise ValueError("must be a whole number of days, at least 1, or the word unlimited")


class Name(PackPart):
    """The program's name as members read it."""

    zh_cn: Annotated[Sentence, Field(alias="zh-CN")]
    en: Sentence


class Basis(PackPart):
    """Which money earns: net after discounts, `tax` included or excluded, never shipping (M26)."""

    tax: Literal["included", "excluded"] = "included"
    shipping_earns: Annotated[Literal[False], BeforeValidator(_refuse_unbuilt)] = False


class Expiry(PackPart):
    """When a lot expires: never, at the end of its month or year, or N days, months or years after its day.

    N may be 0 (end of that day). N months or years may be rounded up to the end of that month or year.
    """

    at: Literal["never", "end_of_month", "end_of_year"] | None = None
    days: Days | None = None
    months: Months | None = None
    years: Years | None = None
    round_to: Literal["month_end", "year_end"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if value == "inactivity" or (isinstance(value, dict) and "inactivity" in value):
            raise ValueError("expiry by inactivity is not built yet; write never or days, months, years")
        return {"at": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        choices = (self.at, self.days, self.months, self.years)
        if sum(choice is not None for choice in choices) != 1:
            raise ValueError("say exactly one of never, end_of_month, end_of_year, days, months, years")
        if self.round_to is not None and self.months is None and self.years is None:
            raise ValueError("round_to goes with months or years only")
        return self


class Period(PackPart):
    """Calendar dates in the program's time zone: `from` is the first day inside, `to` the first day after."""

    from_: Annotated[CalendarDate, Field(alias="from")]
    to: CalendarDate

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.to <= self.from_:
            raise ValueError(f"to ({self.to}) is the first day after the period: it must be later than from")
        return self


class CostPerPoint(PackPart):
    """`points` points are expected to cost `minor` minor units: an exact fraction."""

    minor: MinorUnits
    points: PositivePoints


class Budget(PackPart):
    """Whose money pays for points (C04): marketing money, approved by somebody, in writing, for a period."""

    budget_id: Identifier
    source: Literal["marketing_expense"]
    approver: Sentence
    document: Sentence
    period: Period
    approved_minor: MinorUnits
    cost_per_point: CostPerPoint


class Factor(PackPart):
    """What recycling a material avoids: an estimate, so it says where it comes from. Grams of CO2e per kilogram."""

    material: Identifier
    grams_co2e_per_kg: PositiveWhole
    source: Sentence
    version: Sentence
    region: Sentence


class Station(PackPart):
    """A place that takes drops (C11): what it can hold at once, its scales, how long a calibration is good for.

    No `scales`: any will do. No `calibration_days`: drops need not say when their scale was calibrated.
    """

    station_id: Identifier
    capacity_grams: PositiveWhole
    scales: tuple[Identifier, ...] = ()
    calibration_days: Days | None = None


class ProgramPack(PackPart):
    """One version of a program. Money in minor units of `currency`; `effective_at` in UTC once read."""

    program_id: ProgramId
    version: Version
    name: Name
    issuer: Sentence
    currency: Currency
    time_zone: TimeZone
    effective_at: Timestamp
    merchants: tuple[Identifier, ...] = ()
    basis: Basis = Basis()
    return_window_days: Days = 7
    expiry: Expiry
    max_event_age_days: Annotated[int | Literal["unlimited"], BeforeValidator(_age)] = 180
    registration_grace_hours: Hours = 24
    claw_back_policy: ClawBackPolicy = "deficit"
    refund_method: Annotated[Literal["recompute"], BeforeValidator(_refuse_unbuilt)] = "recompute"
    budgets: tuple[Budget, ...]
    stations: tuple[Station, ...] = ()
    factors: tuple[Factor, ...] = ()
    rules: tuple[AnyRule, ...]

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        _unique("budgets", "budget_id", (budget.budget_id for budget in self.budgets))
        _unique("rules", "rule_id", (rule.rule_id for rule in self.rules))
        _unique("merchants", None, self.merchants)
        _unique("stations", "station_id", (station.station_id for station in self.stations))
        _unique("factors", "material", (factor.material for factor in self.factors))
        known = {budget.budget_id for budget in self.budgets}
        for position, rule in enumerate(self.rules):
            if rule.budget_id not in known:
                message = f"rule '{rule.rule_id}' draws on '{rule.budget_id}', which is not under budgets"
                raise MisplacedError(("rules", position, "budget_id"), message)
            if isinstance(rule, MaterialRule) and not self.stations:
                message = f"rule '{rule.rule_id}' rewards drops, and no station that may take one is under stations"
                raise MisplacedError(("rules", position, "kind"), message)
        return self


def _unique(part: str, key: str | None, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            location = (part, position) if key is None else (part, position, key)
            raise MisplacedError(location, f"{key or 'merchant'} '{name}' occurs twice; each must be unique")
        seen.add(name)
