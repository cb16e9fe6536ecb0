"""What points buy: one class for each reward kind (points.md, Redemption). No kind is cash or near-cash (C13)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.events.fields import Identifier, MinorUnits
from shared.programs.booking import Booking
from shared.programs.days import Period
from shared.programs.draws import Draw
from shared.programs.fields import (
    CalendarDate,
    Days,
    Flag,
    PackPart,
    Percent,
    PositiveMinorUnits,
    PositiveWhole,
    Sentence,
)
from shared.programs.lines import Lines, Names
from shared.programs.prices import Eligibility, Limit, Price, SpecialPrice, Stock
from shared.programs.texts import Name


class QualityFile(PackPart):
    """What is on file about a reward (C18, M33): whose it is, what it must meet, who found the description true."""

    supplier: Sentence | None = None
    standard: Sentence | None = None
    document: Sentence | None = None
    checked_by: Sentence | None = None
    checked_on: CalendarDate | None = None
    recalled: Flag = False


class Reward(PackPart):
    """What every reward says. `market_value_minor` is what one unit costs in a shop, money part included.

    A claim gives `units_per_claim` units. `available`: the dates on which it can be claimed; always without it.
    """

    reward_id: Identifier
    enabled: Flag = True
    name: Name
    description: Name | None = None
    market_value_minor: PositiveMinorUnits
    units_per_claim: PositiveWhole = 1
    price: Price
    special_prices: Annotated[tuple[SpecialPrice, ...], Field(max_length=100)] = ()
    available: Period | None = None
    stock: Annotated[tuple[Stock, ...], Field(max_length=100)] = ()
    limits: Annotated[tuple[Limit, ...], Field(max_length=20)] = ()
    eligibility: Eligibility = Eligibility()
    quality: QualityFile | None = None
    partner_id: Identifier | None = None
    return_days: Days = 7
    return_exclusion: Name | None = None


class Goods(Reward):
    """A thing that is handed over or sent (M16, M19, M27)."""

    kind: Literal["goods"] = "goods"


class ServiceBooking(Reward):
    """A service at a date or hour (M13, M30)."""

    kind: Literal["service_booking"] = "service_booking"
    booking: Booking


class Upgrade(Reward):
    """Something better than what was bought, for a date (M14)."""

    kind: Literal["upgrade"] = "upgrade"
    booking: Booking


class VoucherReward(Reward):
    """A code for a later bill: lives `valid_days` days, at `merchants` (the program's without it), for `lines`."""

    valid_days: Annotated[Days, Field(ge=1)]
    merchants: Names | None = None
    lines: Lines | None = None


class VoucherAmount(VoucherReward):
    """`amount_minor` off any bill, no change given."""

    kind: Literal["voucher_amount"] = "voucher_amount"
    amount_minor: PositiveMinorUnits


class VoucherThreshold(VoucherReward):
    """`amount_minor` off a bill whose lines reach `threshold_minor`."""

    kind: Literal["voucher_threshold"] = "voucher_threshold"
    amount_minor: PositiveMinorUnits
    threshold_minor: PositiveMinorUnits


class VoucherPercent(VoucherReward):
    """`percent` off, at most `max_minor` (C05: a percentage states a maximum)."""

    kind: Literal["voucher_percent"] = "voucher_percent"
    percent: Percent
    max_minor: PositiveMinorUnits
    threshold_minor: MinorUnits = 0


class EventEntry(Reward):
    """Entry to an event, or to a lucky draw (C30)."""

    kind: Literal["event_entry"] = "event_entry"
    draw: Draw | None = None


class PartnerBenefit(Reward):
    """Something a contracted partner gives and is paid for in money (M36)."""

    kind: Literal["partner_benefit"] = "partner_benefit"
    partner_id: Identifier


class Donation(Reward):
    """The market value is given to the recipient of the agreement (C32, M44), and to nobody else."""

    kind: Literal["donation"] = "donation"
    agreement_id: Identifier | None = None

    @model_validator(mode="after")
    def _for_the_recipient(self) -> Self:
        if self.partner_id is not None:
            raise ValueError("a donation goes whole to its agreement's recipient: take partner_id out")
        return self


class TravelCoupon(Reward):
    """A low-carbon journey (M44)."""

    kind: Literal["travel_coupon"] = "travel_coupon"
    valid_days: Annotated[Days, Field(ge=1)]


REWARD_KINDS: Mapping[str, type[Reward]] = {
    "goods": Goods,
    "service_booking": ServiceBooking,
    "upgrade": Upgrade,
    "voucher_amount": VoucherAmount,
    "voucher_threshold": VoucherThreshold,
    "voucher_percent": VoucherPercent,
    "event_entry": EventEntry,
    "partner_benefit": PartnerBenefit,
    "donation": Donation,
    "travel_coupon": TravelCoupon,
}


def _of_a_known_kind(reward: Any) -> Any:
    if isinstance(reward, Mapping) and str(reward.get("kind")) not in REWARD_KINDS:
        known = ", ".join(REWARD_KINDS)
        if "kind" not in reward:
            raise ValueError(f"a reward must say its kind, one of {known}")
        raise ValueError(f"reward kind {reward['kind']!r} is not known; write one of {known}")
    return reward


AnyReward = Annotated[
    Goods
    | ServiceBooking
    | Upgrade
    | VoucherAmount
    | VoucherThreshold
    | VoucherPercent
    | EventEntry
    | PartnerBenefit
    | Donation
    | TravelCoupon,
    Field(discriminator="kind"),
    BeforeValidator(_of_a_known_kind),
]
