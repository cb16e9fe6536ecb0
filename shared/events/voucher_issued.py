"""`voucher.issued`: a member received a voucher."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import Currency, Identifier, Identifiers, MinorUnits, Sha256Hex, Timestamp, UuidText


class VoucherIssued(CausedEvent):
    """A voucher's terms. Its code travels only as SHA-256: who reads a topic must not be able to use it."""

    TYPE: ClassVar[str] = "greenpoints.voucher.issued.v1"
    TOPIC: ClassVar[str] = "redemption.orders.v1"

    voucher_id: UuidText
    code_sha256: Sha256Hex
    kind: Identifier
    order_id: UuidText | None = None
    request_id: UuidText | None = None
    amount_minor: MinorUnits | None = None
    percent: Annotated[int, Field(ge=1, le=100)] | None = None
    max_amount_minor: MinorUnits | None = None
    threshold_minor: MinorUnits | None = None
    currency: Currency | None = None
    merchant_ids: Identifiers = ()
    valid_until: Timestamp | None = None
