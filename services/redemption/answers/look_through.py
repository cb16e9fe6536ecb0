"""What a look-through answers: from a redemption to its purchases and budgets, and to what was paid for it (C25)."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Row(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class SourceRow(_Row):
    """What one lot paid, and the way to what earned it. `cost_minor` is this share of the lot's expected cost."""

    lot_id: UUID
    points: int
    given_back: int
    grant_id: UUID
    points_class: str = Field(alias="class")
    granted_at: datetime
    granted_event_id: str
    causation_id: str
    rule_version: int | None
    source_type: str
    source_id: str
    merchant_id: str | None
    receipt_id: str | None
    other_member_id: str | None
    budget_id: str
    cost_minor: int
    currency: str


class BudgetRow(_Row):
    """Whose money the points were: as the pack of the lots' rule version says."""

    budget_id: str
    source: str
    approver: str
    document: str
    period_from: date
    period_to: date
    approved_minor: int
    currency: str


class SettlementRow(_Row):
    """Units that a partner or agreement is owed for, or no longer; `owed_minor` is negative then."""

    payee_kind: str
    payee_id: str
    document: str
    period: str
    movement: str
    units: int
    owed_minor: int
    currency: str
    happened_at: datetime


class OrderLineRow(_Row):
    order_id: UUID
    line_id: str
    exchanged_from: UUID | None
    placed_at: datetime
    reward_id: str
    kind: str
    quantity: int
    points: int
    amount_minor: int
    currency: str
    for_a_friend: bool
    state: str
    returned: int
    exchanged: int
    settlement: list[SettlementRow]


class PaidBillRow(_Row):
    """A bill at the till that the points paid, wholly or in part."""

    authorization_id: UUID
    merchant_id: str
    receipt_id: str | None
    captured_points: int
    captured_minor: int
    refunded_minor: int
    given_back: int
    currency: str
    captured_at: datetime


class LookThroughAnswer(_Row):
    """`complete` when every point reaches its cause and its budget; else `gaps` says what is missing."""

    redemption_id: UUID
    program_id: str
    member_id: str
    points: int
    reason: str
    idempotency_key: str
    requested_at: datetime
    complete: bool
    code: str | None
    gaps: list[str]
    sources: list[SourceRow]
    budgets: list[BudgetRow]
    order_lines: list[OrderLineRow]
    paid_bills: list[PaidBillRow]
