"""`voucher.restored`: the till voided the bill on which a voucher was used; it may be used again until its date."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import FreeText, Identifier, UuidText


class VoucherRestored(CausedEvent):
    """The use named stands no longer."""

    TYPE: ClassVar[str] = "greenpoints.voucher.restored.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    voucher_id: UuidText
    use_id: UuidText
    merchant_id: Identifier
    reason: FreeText
