"""What the API answers. Points are whole, money is in minor units, times are UTC."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, serialize_by_alias=True)


class ComingAnswer(_Answer):
    """Points to which something happens at one instant."""

    at: datetime
    points: int


class BalanceAnswer(_Answer):
    """issued = pending + available + reserved + held + redeemed + expired + forfeited + clawed_back
             − deficit − waived; every coming expiry and every coming maturity, each instant once.

    `lifetime` is granted less clawed back, pending lots and corrections excluded.
    """  # fmt: skip

    program_id: str
    member_id: str
    as_of: datetime
    issued: int
    pending: int
    available: int
    reserved: int
    held: int
    redeemed: int
    expired: int
    forfeited: int
    clawed_back: int
    deficit: int
    waived: int
    lifetime: int
    expiries: list[ComingAnswer]
    maturities: list[ComingAnswer]


class JournalRow(_Answer):
    """One movement of points; `row_hash` is the SHA-256 of its content, hexadecimal."""

    entry_id: int
    lot_id: UUID
    grant_id: UUID
    from_account: str
    to_account: str
    points: int
    cause_type: str
    cause_id: str
    business_time: datetime
    posted_at: datetime
    row_hash: str


class JournalAnswer(_Answer):
    """Newest first; pass `next_before` as `before` for the next page, null at the end."""

    rows: list[JournalRow]
    next_before: int | None


class Source(_Answer):
    """What a grant rewarded: the look-through's end (C25)."""

    source_type: str
    source_id: str
    merchant_id: str | None
    receipt_id: str | None
    other_member_id: str | None
    correlation_id: str
    rule_version: int | None
    budget_id: str


class LotAnswer(Source):
    """A lot and where its points are; `state` is what the clock says of the remaining ones."""

    lot_id: UUID
    grant_id: UUID
    points_class: str = Field(alias="class")
    state: Literal["pending", "available", "expired"]
    points: int
    remaining: int
    held: int
    reserved: int
    redeemed: int
    clawed_back: int
    set_off: int
    expired: int
    forfeited: int
    recalled: int
    granted_at: datetime
    available_at: datetime | None
    expires_at: datetime | None
    expected_cost_minor: int
    currency: str


class LotsAnswer(_Answer):
    """Newest first; pass `next_before` as `before` for the next page, null at the end."""

    lots: list[LotAnswer]
    next_before: UUID | None


class HeldShare(_Answer):
    """Points of one lot that a hold binds now."""

    lot_id: UUID
    points: int


class HoldAnswer(_Answer):
    """bound = held + taken_back + forfeited + released; `asked` null means all points of the scope.

    What was placed is null while only the decision has come.
    """

    hold_id: str
    state: Literal["open", "released", "confirmed"]
    scope: Literal["member", "grants"] | None
    grant_ids: list[UUID]
    asked: int | None
    reason: str | None
    deadline: datetime | None
    case_id: str | None
    placed_at: datetime | None
    person: str | None
    note: str | None
    named_points: int | None
    decided_at: datetime | None
    bound: int
    held: int
    taken_back: int
    forfeited: int
    released: int
    shares: list[HeldShare]


class HoldsAnswer(_Answer):
    """By hold id; pass `next_after` as `after` for the next page, null at the end."""

    holds: list[HoldAnswer]
    next_after: str | None


class AllocationAnswer(Source):
    """What one lot paid, and the way to what earned it. Never changes; the lot's date may, see `…/lots`."""

    lot_id: UUID
    grant_id: UUID
    points: int
    points_class: str = Field(alias="class")
    granted_at: datetime
    granted_event_id: str
    causation_id: str


class RedemptionAnswer(_Answer):
    """Points spent, by lot in the order in which they were taken."""

    redemption_id: UUID
    program_id: str
    member_id: str
    points: int
    reason: str
    idempotency_key: str
    requested_at: datetime
    available_before: int
    available_after: int
    allocations: list[AllocationAnswer]
