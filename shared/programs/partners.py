"""Who supplies rewards and is settled in money (C08, C28, M36, M49), and who receives donations (C32)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.fields import Identifier, MinorUnits
from shared.programs.days import Period
from shared.programs.fields import CalendarDate, PackPart, Percent, Sentence
from shared.programs.texts import Name


class UnitPrice(PackPart):
    """The partner is owed `price_minor` for each fulfilled unit of the reward."""

    reward_id: Identifier
    price_minor: MinorUnits


class Contract(PackPart):
    """Good on the dates of `period`; the partner is paid the unit prices less `fee`."""

    number: Sentence
    period: Period
    fee: Percent = "0%"
    prices: Annotated[tuple[UnitPrice, ...], Field(max_length=1_000)] = ()


class Partner(PackPart):
    """A merchant outside the program; paid in money at the end of each settlement period, never in points."""

    partner_id: Identifier
    name: Name
    settlement: Literal["week", "month"] = "month"
    contract: Contract | None = None


class DonationAgreement(PackPart):
    """A signed agreement with the recipient of donations; without `signed_on` it is a draft."""

    agreement_id: Identifier
    recipient: Name
    document: Sentence
    signed_on: CalendarDate | None = None
    period: Period

    @model_validator(mode="after")
    def _signed_before_it_ends(self) -> Self:
        if self.signed_on is not None and self.signed_on >= self.period.to:
            raise ValueError("signed_on lies after the agreement's period; correct one of them")
        return self
