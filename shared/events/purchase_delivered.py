"""`purchase.delivered`: the goods of an online receipt arrived; its waiting lots get their date."""

from typing import ClassVar

from shared.events.event import EventData
from shared.events.fields import Identifier, ProgramId, Timestamp


class PurchaseDelivered(EventData):
    """The receipt of a merchant was delivered at `delivered_at`, from which its return window runs."""

    TYPE: ClassVar[str] = "greenpoints.purchase.delivered.v1"
    TOPIC: ClassVar[str] = "pos.purchases.v1"

    program_id: ProgramId
    merchant_id: Identifier
    receipt_id: Identifier
    member_id: Identifier | None = None
    delivered_at: Timestamp
