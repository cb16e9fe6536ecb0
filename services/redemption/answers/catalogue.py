"""What the catalogue and quotes say over HTTP. Points are whole, money is in minor units, times are UTC."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.fields import MAX_QUANTITY, Identifier
from shared.programs.prices import Price
from shared.programs.rewards import AnyReward
from shared.programs.texts import Name


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, serialize_by_alias=True)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PriceAnswer(_Answer):
    """What one claim costs: points, and money to be paid beside them."""

    points: int
    money_minor: int

    @classmethod
    def of(cls, price: Price) -> "PriceAnswer":
        return cls(points=price.points, money_minor=price.money_minor)


class TierPrice(PriceAnswer):
    """Today's price for the members of a tier."""

    tier: str


class RewardAnswer(_Answer):
    """A reward and its published terms, in both languages. `left` units can still be claimed; null = it never runs out.

    `prices` are those of today by tier, where they differ from `price`.
    """

    reward: AnyReward
    supplier: str | None
    standard: str | None
    price: PriceAnswer
    prices: list[TierPrice]
    left: int | None


class CatalogueAnswer(_Answer):
    """By reward id; pass `next_after` as `after` for the next page, null at the end. `version`: of the program."""

    program_id: str
    version: int
    currency: str
    as_of: datetime
    business_day: date
    rewards: list[RewardAnswer]
    next_after: str | None


class ObstacleAnswer(_Answer):
    """Why it cannot be claimed now: an order would be refused with this code."""

    code: str
    detail: str
    reason: Name


class OfferAnswer(_Answer):
    """A reward as one member is offered it. `can_claim`: nothing stands against it now.

    `points_short`: what the member lacks for one claim. `coming_on`: seen earlier, can be claimed from that day on.
    """

    reward: AnyReward
    supplier: str | None
    standard: str | None
    price: PriceAnswer
    can_claim: bool
    points_short: int
    left: int | None
    limit_left: int | None
    coming_on: date | None
    obstacles: list[ObstacleAnswer]


class OffersAnswer(_Answer):
    """By reward id; pass `next_after` as `after` for the next page, null at the end."""

    program_id: str
    member_id: str
    version: int
    currency: str
    tier: str | None
    spendable: int
    as_of: datetime
    business_day: date
    offers: list[OfferAnswer]
    next_after: str | None


class SlotAnswer(_Answer):
    """A date or hour that can be booked; `slot` is what an order names."""

    slot: str
    begins_at: datetime
    free_until: datetime
    left: int


class SlotsAnswer(_Answer):
    """The slots of the asked days that are not over, in order; whoever does not come loses up to `no_show_points`."""

    reward_id: str
    no_show_points: int
    slots: list[SlotAnswer]


class WishBody(_Body):
    """`quantity` units of a reward. A booking names its `slot`, as the reward's slots are named."""

    reward_id: Identifier
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    slot: Identifier | None = None


class QuoteBody(_Body):
    """The lines to be priced together."""

    lines: Annotated[list[WishBody], Field(min_length=1, max_length=200)]


class QuotedLine(_Answer):
    """One line at its promised price; `points` and `money_minor` are for all of it."""

    reward_id: str
    name: Name
    quantity: int
    claims: int
    price: PriceAnswer
    points: int
    money_minor: int
    slot: str | None
    begins_at: datetime | None
    free_until: datetime | None
    no_show_points: int | None
    return_days: int
    return_exclusion: Name | None


class QuoteAnswer(_Answer):
    """A price promised until `expires_at` (C16): an order that names the quote pays it. Nothing is reserved."""

    quote_id: UUID
    program_id: str
    member_id: str
    version: int
    currency: str
    quoted_at: datetime
    expires_at: datetime
    lines: list[QuotedLine]
    points: int
    money_minor: int
