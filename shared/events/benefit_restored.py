"""`benefit.restored`: the bill on which a benefit was used was voided; the use counts no longer."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Currency, FreeText, Identifier, MinorUnits, UuidText


class BenefitRestored(CausedEvent):
    """Its cost goes back to the budget."""

    TYPE: ClassVar[str] = "greenpoints.benefit.restored.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    use_id: UuidText
    benefit_id: Identifier
    merchant_id: Identifier
    amount_minor: MinorUnits
    currency: Currency
    budget_id: Identifier
    budget_used_before: MinorUnits
    budget_used_after: MinorUnits
    reason: FreeText
