"""`voucher.issued`: a member received a voucher."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.events.event import CausedEvent
from shared.events.fields import Currency, Identifier, Identifiers, MinorUnits, Sha256Hex, Timestamp, UuidText


class VoucherIssued(CausedEvent):
    """A voucher's terms. Its code travels only as SHA-256: who reads a topic must not be able to use it.

    `offer_id` is the reward or given voucher of the pack of `rule_version` whose terms these are. `percent` is told
    where it is whole, `percent_hundredths` always: 250 is 2.5%. Without `skus`, `categories` and `labels` it is for
    every line; a line must match each list that is there.
    """

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
    offer_id: Identifier | None = None
    line_id: Identifier | None = None
    percent_hundredths: Annotated[int, Field(ge=1, le=10_000)] | None = None
    skus: Identifiers = ()
    categories: Identifiers = ()
    labels: Identifiers = ()
    budget_id: Identifier | None = None
