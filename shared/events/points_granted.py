"""`points.granted`: earning issued points; redemption makes one lot of them."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import CausedEvent, Money, Part
from shared.events.fields import (
    MAX_LINES,
    Identifier,
    Identifiers,
    Points,
    PointsClass,
    Timestamp,
    UuidText,
)


class GrantSource(Part):
    """What was rewarded: the type and id of the event, its receipt, and for a referral the other member."""

    type: Identifier
    id: Identifier
    receipt_id: Identifier | None = None
    merchant_id: Identifier | None = None
    other_member_id: Identifier | None = None


class RulePoints(Part):
    """What one rule gave."""

    rule_id: Identifier
    points: Points


class GrantLine(Part):
    """What one line of the receipt earned, and by which rules."""

    line_id: Identifier
    sku: Identifier | None = None
    labels: Identifiers = ()
    points: Points
    rules: tuple[RulePoints, ...] = ()


class PointsGranted(CausedEvent):
    """Points issued: one grant per class and budget.

    `available_at` null waits for `points.scheduled`; `expires_at` is the first instant at which they are
    expired, null for never or by inactivity; `expected_cost` is in minor units.
    """

    TYPE: ClassVar[str] = "greenpoints.points.granted.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    grant_id: UuidText
    points: Points
    points_class: PointsClass = Field(alias="class")
    source: GrantSource
    lines: tuple[GrantLine, ...] = Field(default=(), max_length=MAX_LINES + 1)
    available_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    budget_id: Identifier
    expected_cost: Money
