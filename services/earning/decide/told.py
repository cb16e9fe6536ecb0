"""The parts of `points.granted` as earning tells it (told_grant.py). Fields at their default are left out."""

from datetime import datetime

import msgspec

from shared.events.fields import PointsClass


class ToldSource(msgspec.Struct, frozen=True, gc=False):
    type: str
    id: str
    receipt_id: str
    merchant_id: str


class ToldCost(msgspec.Struct, frozen=True, gc=False):
    amount_minor: int
    currency: str


class ToldRule(msgspec.Struct, frozen=True, gc=False):
    rule_id: str
    points: int


class ToldLine(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    line_id: str
    sku: str | None = None
    labels: tuple[str, ...] = ()
    points: int
    rules: list[ToldRule]


class ToldGrant(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    program_id: str
    member_id: str
    causation_id: str
    correlation_id: str
    rule_version: int
    grant_id: str
    points: int
    points_class: PointsClass = msgspec.field(name="class")
    source: ToldSource
    lines: list[ToldLine]
    available_at: datetime | None = None
    expires_at: datetime | None = None
    budget_id: str
    expected_cost: ToldCost
