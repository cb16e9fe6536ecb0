"""The program pack: everything a program manager decides about one program, as one versioned document."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from shared.events.fields import (
    ClawBackPolicy,
    Currency,
    Identifier,
    MinorUnits,
    ProgramId,
    Timestamp,
    Version,
)
from shared.programs.benefits import AnyBenefit
from shared.programs.calendar import CalendarPart
from shared.programs.community import Activity, Organisation
from shared.programs.days import DayPattern, Period, Season
from shared.programs.fields import (
    Days,
    Flag,
    Hours,
    Months,
    PackPart,
    PositivePoints,
    PositiveWhole,
    Sentence,
    TimeZone,
    Years,
)
from shared.programs.names_agree import require_known_names, require_unique_names
from shared.programs.papers import Filing, GreenCertificate, TelecomLicence
from shared.programs.partners import DonationAgreement, Partner
from shared.programs.point_payment import OffsetDay, PointPayment
from shared.programs.rewards import AnyReward
from shared.programs.rules import AnyRule, Combine
from shared.programs.texts import Name
from shared.programs.tiers import Tiers
from shared.programs.vouchers import GivenVoucher

__all__ = ["Basis", "Budget", "CostPerPoint", "Expiry", "Factor", "Name", "Period", "ProgramPack", "Station"]


def _age(value: Any) -> Any:
    if value == "unlimited" or (type(value) is int and value >= 1):
        return value
    raise ValueError("must be a whole number of days, at least 1, or the word unlimited")


QuoteMinutes = Annotated[StrictInt, Field(ge=1, le=1_440)]
"""How long a quoted price is promised (C16)."""


class Basis(PackPart):
    """Which money earns: net after discounts, `tax` included or excluded, shipping only if said (M26)."""

    tax: Literal["included", "excluded"] = "included"
    shipping_earns: Flag = False


class Expiry(PackPart):
    """When a lot expires: never, at the end of its month or year, or N days, months or years after its day.

    N may be 0 (end of that day). N months or years may be rounded up to the end of that month or year.
    `after: inactivity` counts from the member's last grant or order instead, whichever lot it is.
    """

    at: Literal["never", "end_of_month", "end_of_year"] | None = None
    days: Days | None = None
    months: Months | None = None
    years: Years | None = None
    round_to: Literal["month_end", "year_end"] | None = None
    after: Literal["earning", "inactivity"] = "earning"

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if value == "inactivity" or (isinstance(value, dict) and "inactivity" in value):
            raise ValueError("write `after: inactivity` together with days, months or years")
        return {"at": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        choices = (self.at, self.days, self.months, self.years)
        if sum(choice is not None for choice in choices) != 1:
            raise ValueError("say exactly one of never, end_of_month, end_of_year, days, months, years")
        if self.round_to is not None and self.months is None and self.years is None:
            raise ValueError("round_to goes with months or years only")
        if self.after == "inactivity" and self.at is not None:
            raise ValueError("after: inactivity goes with days, months or years only")
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
    calendar: CalendarPart = CalendarPart()
    member_day: DayPattern | None = None
    seasons: tuple[Season, ...] = ()
    basis: Basis = Basis()
    return_window_days: Days = 7
    expiry: Expiry
    max_event_age_days: Annotated[int | Literal["unlimited"], BeforeValidator(_age)] = 180
    registration_grace_hours: Hours = 24
    claw_back_policy: ClawBackPolicy = "deficit"
    refund_method: Literal["recompute", "proportional"] = "recompute"
    telecom_business: Sentence | None = None
    licence: TelecomLicence | None = None
    filings: tuple[Filing, ...] = ()
    green_certificates: tuple[GreenCertificate, ...] = ()
    budgets: tuple[Budget, ...]
    stations: tuple[Station, ...] = ()
    factors: tuple[Factor, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    activities: tuple[Activity, ...] = ()
    tiers: Tiers | None = None
    combine_multipliers: Combine = "multiply"
    rules: tuple[AnyRule, ...]
    partners: tuple[Partner, ...] = ()
    donation_agreements: tuple[DonationAgreement, ...] = ()
    rewards: tuple[AnyReward, ...] = ()
    quote_minutes: QuoteMinutes = 10
    benefits: tuple[AnyBenefit, ...] = ()
    point_payment: PointPayment | None = None
    offset_days: tuple[OffsetDay, ...] = ()
    vouchers: tuple[GivenVoucher, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        require_unique_names(self)
        require_known_names(self)
        return self
