"""`points.extended`: points live longer than they did, because the member was active or an operator said so (C20)."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.events.event import CausedEvent, Part
from shared.events.fields import FreeText, Identifier, Points, Timestamp, UuidText


class ExtendedLot(Part):
    """A lot, what is left of it, and its dates; `expires_at` null = it never expires any more."""

    lot_id: UuidText
    grant_id: UuidText
    points: Points
    expires_before: Timestamp
    expires_at: Timestamp | None = None


class PointsExtended(CausedEvent):
    """Dates are only ever moved on. `person` and `note` say who did it and why, where an operator did."""

    TYPE: ClassVar[str] = "greenpoints.points.extended.v1"
    TOPIC: ClassVar[str] = "points.wallets.v1"

    extension_id: UuidText
    reason: Literal["activity", "operator"]
    lots: tuple[ExtendedLot, ...] = Field(min_length=1, max_length=1000)
    person: Identifier | None = None
    note: FreeText | None = None
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
