"""`voucher.used`: a voucher was used, once."""

from typing import ClassVar

from shared.events.event import CausedEvent
from shared.events.fields import Currency, Identifier, MinorUnits, UuidText


class VoucherUsed(CausedEvent):
    """The voucher lowered a bill by `amount_minor`; `counted_minor` is the sum of the bill's lines that it is for."""

    TYPE: ClassVar[str] = "greenpoints.voucher.used.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    voucher_id: UuidText
    merchant_id: Identifier
    receipt_id: Identifier | None = None
    amount_minor: MinorUnits
    currency: Currency
    use_id: UuidText | None = None
    counted_minor: MinorUnits | None = None
    idempotency_key: Identifier | None = None
    body_hash: Identifier | None = None
