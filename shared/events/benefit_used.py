"""`benefit.used`: a member made use of a standing right."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import Count, Currency, Identifier, MinorUnits, UuidText


class BenefitUsed(CausedEvent):
    """It burns no points; its cost is `amount_minor` of the budget, whose sum used is told before and after.

    `times_after` counts the uses in `period`: a month as 2026-11, a year as 2026, or `lifetime`.
    """

    TYPE: ClassVar[str] = "greenpoints.benefit.used.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    use_id: UuidText
    benefit_id: Identifier
    kind: Identifier
    merchant_id: Identifier
    receipt_id: Identifier | None = None
    amount_minor: MinorUnits
    currency: Currency
    period: Identifier
    times_after: Annotated[int, Field(ge=1)]
    times_allowed: Count
    budget_id: Identifier
    budget_used_before: MinorUnits
    budget_used_after: MinorUnits
    idempotency_key: Identifier
    body_hash: Identifier
