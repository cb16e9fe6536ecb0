"""What the settlement routes ask and answer. Money is in minor units, dates are the program's, times are UTC."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.redemption.domain.settlement import PayeeKind
from shared.events.fields import FreeText, FullDate, Identifier, SignedMinorUnits
from shared.programs.texts import Name

PERIOD = r"^[0-9]{4}-(?:0[1-9]|1[0-2]|W[0-5][0-9])$"
PeriodName = Annotated[str, Field(pattern=PERIOD, examples=["2026-12", "2026-W49"])]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ClaimLine(_Asked):
    """Units of one reward, those returned taken off; below 0 where more came back than was handed over."""

    reward_id: Identifier
    units: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
    owed_minor: SignedMinorUnits | None = None


def _once_each(lines: tuple[ClaimLine, ...]) -> tuple[ClaimLine, ...]:
    if len({line.reward_id for line in lines}) != len(lines):
        raise ValueError("lines names a reward twice; write one line for each")
    return lines


class ClaimBody(_Asked):
    """What a partner, or the recipient of a donation agreement, asks to be paid for one period."""

    payee_kind: PayeeKind = "partner"
    payee_id: Identifier
    period: PeriodName
    lines: Annotated[
        tuple[ClaimLine, ...], Field(strict=False, min_length=1, max_length=1_000), AfterValidator(_once_each)
    ]


class PaymentBody(_Asked):
    """A payment that was made: the bank's or the book-keeping's document, and its day."""

    document: Annotated[FreeText, Field(min_length=1)]
    paid_on: FullDate


class ClaimAnswer(_Answer):
    """A matched claim; `document` and `paid_on` once it was paid."""

    claim_id: UUID
    program_id: str
    payee_kind: PayeeKind
    payee_id: str
    period: str
    period_from: date
    period_to: date
    units: int
    owed_minor: int
    currency: str
    person: str
    claimed_at: datetime
    document: str | None
    paid_on: date | None


class ProgramRow(_Answer):
    """A program by its newest version."""

    program_id: str
    name: Name
    currency: str


class ProgramsAnswer(_Answer):
    """Every program that was published; they are few."""

    programs: list[ProgramRow]


class StatementRow(_Answer):
    """One statement in sum. It is `open` until its period ends, then `ended`, `claimed` once matched, then `paid`."""

    payee_kind: PayeeKind
    payee_id: str
    name: Name | None
    period: str
    period_from: date
    period_to: date
    state: Literal["open", "ended", "claimed", "paid"]
    fulfilled: int
    returned: int
    owed_minor: int
    currency: str


class StatementsAnswer(_Answer):
    """Newest period first; `next_after` names the last one where there may be more."""

    statements: list[StatementRow]
    next_after: str | None


class StatementLine(_Answer):
    """Units of one reward on one price: units × (unit price − unit fee) = owed, units = fulfilled − returned."""

    reward_id: str
    name: Name | None
    document: str
    unit_price_minor: int
    unit_fee_minor: int
    fulfilled: int
    returned: int
    price_minor: int
    fee_minor: int
    owed_minor: int


class StatementAnswer(StatementRow):
    """A statement to the unit; its entries are a page of their own."""

    price_minor: int
    fee_minor: int
    lines: list[StatementLine]
    claim: ClaimAnswer | None


class EntryAnswer(_Answer):
    """What one order line owes, or no longer does."""

    entry_id: int
    document: str
    order_id: UUID
    line_id: str
    reward_id: str
    movement: Literal["fulfilled", "returned"]
    units: int
    unit_price_minor: int
    unit_fee_minor: int
    currency: str
    happened_at: datetime


class EntriesAnswer(_Answer):
    """A page of a statement's entries in the order in which they happened."""

    entries: list[EntryAnswer]
    next_after: int | None


class DonatedReward(_Answer):
    """What one donation reward gave."""

    reward_id: str
    name: Name | None
    units: int
    donated_minor: int


class DonatedAnswer(_Answer):
    """What was given under one agreement, from handed over orders alone, those taken back left out (C32)."""

    agreement_id: str
    recipient: Name | None
    document: str | None
    units: int
    donated_minor: int
    currency: str
    rewards: list[DonatedReward]


class DonationsAnswer(_Answer):
    """All donations of a program."""

    program_id: str
    as_of: datetime
    agreements: list[DonatedAnswer]
