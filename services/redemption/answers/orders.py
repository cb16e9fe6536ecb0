"""What the API takes and answers about orders. Points are whole, money is in minor units, times are UTC."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import asyncpg
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.redemption.answers.catalogue import WishBody
from shared.events.fields import FreeText, Identifier, PositiveQuantity, Sha256Hex

_LOOKS_LIKE_A_CONTACT = re.compile(r"@|\s|^\+?[0-9()-]{7,}$")


def _a_reference(text: str) -> str:
    if _LOOKS_LIKE_A_CONTACT.search(text):
        raise ValueError("this is a reference to a recipient's contact; the contact itself is given to the gateway")
    return text


RecipientRef = Annotated[Identifier, AfterValidator(_a_reference)]
Reason = Annotated[FreeText, Field(min_length=1)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class OrderBody(_Body):
    """Lines, or the quote that holds them. `recipient_ref` names who receives it; the member's own points pay (C14).

    `return_exclusions_confirmed`: the member agrees that rewards which say so cannot be returned; without it they can.
    """

    lines: Annotated[list[WishBody], Field(max_length=200)] = []
    quote_id: Annotated[UUID, Field(strict=False)] | None = None
    recipient_ref: RecipientRef | None = None
    return_exclusions_confirmed: bool = False

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.lines and self.quote_id is None:
            raise ValueError("an order has lines, or the quote_id of a quote that has")
        return self


class NamedLine(_Body):
    """Units of one of the order's lines."""

    line_id: Identifier
    quantity: PositiveQuantity


def _once_each(lines: Sequence[NamedLine]) -> Sequence[NamedLine]:
    if len({line.line_id for line in lines}) != len(lines):
        raise ValueError("a line is named twice; name it once with all its units")
    return lines


NamedLines = Annotated[list[NamedLine], Field(max_length=200), AfterValidator(_once_each)]


class FulfilmentBody(_Body):
    """The lines handed over; all that wait, where none is named."""

    line_ids: Annotated[list[Identifier], Field(max_length=200)] = []


class CancellationBody(_Body):
    reason: Reason


class ReturnBody(_Body):
    """Units that came back; all the member has, where none is named. A defect is shown: a photo's SHA-256."""

    lines: NamedLines = []
    reason: Reason
    defect: bool = False
    evidence_sha256: Sha256Hex | None = None

    @model_validator(mode="after")
    def _shows_the_defect(self) -> Self:
        if self.defect and self.evidence_sha256 is None:
            raise ValueError("a defect needs evidence_sha256, the SHA-256 of a photo")
        return self


class ReplacementBody(ReturnBody):
    """The same, and the slot of the new booking where it is to be another."""

    slot: Identifier | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PlacedLine(_Answer):
    """A line as it was ordered. Cancelling a booking from `free_until` on costs `no_show_points` for each claim."""

    line_id: str
    reward_id: str
    kind: str
    quantity: int
    units_per_claim: int
    points: int
    amount_minor: int
    slot: str | None
    begins_at: datetime | None
    free_until: datetime | None
    no_show_points: int
    return_days: int
    exclusion_confirmed: bool


class PlacedAnswer(_Answer):
    """An order as it was placed: never another answer for its key."""

    order_id: UUID
    program_id: str
    member_id: str
    redemption_id: UUID
    exchanged_from: UUID | None
    points: int
    amount_minor: int
    currency: str
    price_version: int
    ordered_on: date
    quote_id: str | None
    recipient_ref: str | None
    idempotency_key: str
    placed_at: datetime
    lines: list[PlacedLine]

    @classmethod
    def of(cls, row: asyncpg.Record, lines: Sequence[asyncpg.Record]) -> Self:
        return cls(**dict(row), lines=[PlacedLine(**dict(line)) for line in lines])


class ChangedLine(_Answer):
    """Units of a line that a change handed over or took back, and what goes back for them."""

    line_id: str
    quantity: int
    points: int
    points_kept: int
    amount_minor: int


class ChangeAnswer(_Answer):
    """One step of an order: `points` and `amount_minor` went back (in an exchange: to the new order).

    `points_kept` is what a late cancellation or a no-show cost.
    """

    change_id: UUID
    order_id: UUID
    kind: Literal["fulfilled", "returned", "exchanged", "cancelled"]
    new_order_id: UUID | None
    restoration_id: UUID | None
    points: int
    points_kept: int
    amount_minor: int
    defect: bool
    no_show: bool
    evidence_sha256: str | None
    reason: str
    changed_at: datetime
    lines: list[ChangedLine]

    @classmethod
    def of(cls, row: asyncpg.Record, lines: Sequence[asyncpg.Record]) -> Self:
        return cls(**dict(row), lines=[ChangedLine(**dict(line)) for line in lines])


class OrderLineAnswer(PlacedLine):
    """A line as it is now; it can be returned until `return_until`."""

    state: Literal["placed", "fulfilled", "cancelled"]
    fulfilled_at: datetime | None
    return_until: datetime | None
    returned: int
    exchanged: int


class OrderAnswer(PlacedAnswer):
    """An order as it is now; `changes` where one order was asked for, the first one first."""

    state: Literal["placed", "fulfilled", "returned", "exchanged", "cancelled"]
    lines: list[OrderLineAnswer]  # type: ignore[assignment] # a line as it is now says more
    changes: list[ChangeAnswer] | None = None

    @classmethod
    def now(
        cls,
        row: asyncpg.Record,
        lines: Sequence[asyncpg.Record],
        changes: Sequence[tuple[asyncpg.Record, Sequence[asyncpg.Record]]] | None = None,
    ) -> Self:
        told: Mapping[str, Any] = dict(row)
        return cls(
            **told,
            lines=[OrderLineAnswer(**dict(line)) for line in lines],
            changes=None if changes is None else [ChangeAnswer.of(*change) for change in changes],
        )


class OrdersAnswer(_Answer):
    """Newest first; pass `next_before` as `before` for the next page, null at the end."""

    orders: list[OrderAnswer]
    next_before: UUID | None
