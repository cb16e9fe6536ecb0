"""`purchase.completed`: a receipt was paid at a till, a web shop or a service desk."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import EventData, Part
from shared.events.fields import (
    MAX_LINES,
    Channel,
    Condition,
    Currency,
    FreeText,
    Identifier,
    Identifiers,
    MinorUnits,
    MinorUnitsOrZero,
    ProgramId,
    Quantity,
    TenderKind,
    Timestamp,
    TrueByDefault,
)


class PurchaseLine(Part):
    """One line of a receipt; `net_minor` is after discounts and includes tax, in minor units.

    A line of quantity 0 or below is a stock movement and has no price.
    """

    line_id: Identifier
    sku: Identifier
    name: FreeText | None = None
    category: Identifier | None = None
    brand: Identifier | None = None
    labels: Identifiers = ()
    condition: Condition
    quantity: Quantity
    unit_price_minor: MinorUnits | None = None
    discount_minor: MinorUnits | None = None
    net_minor: MinorUnits
    green_certificate: Identifier | None = None
    earns: TrueByDefault = True


class Tender(Part):
    """One means of payment and the amount it paid, in minor units."""

    kind: TenderKind
    amount_minor: MinorUnits
    authorization_id: Identifier | None = None
    voucher_code: Identifier | None = None
    instrument_hash: Identifier | None = None


class PurchaseCompleted(EventData):
    """A receipt. Lines plus shipping, the total and the tenders are the same amount.

    `receipt_id` is unique per merchant; `member_id` null is an anonymous sale, which earns nothing (C01).
    """

    TYPE: ClassVar[str] = "greenpoints.purchase.completed.v1"
    TOPIC: ClassVar[str] = "pos.purchases.v1"

    program_id: ProgramId
    merchant_id: Identifier
    store_id: Identifier
    terminal_id: Identifier
    cashier_id: Identifier | None = None
    receipt_id: Identifier
    member_id: Identifier | None = None
    currency: Currency
    lines: tuple[PurchaseLine, ...] = Field(min_length=1, max_length=MAX_LINES)
    tenders: tuple[Tender, ...] = Field(max_length=MAX_LINES)
    total_minor: MinorUnits
    shipping_minor: MinorUnitsOrZero = 0
    tax_minor: MinorUnits | None = None
    codes: Identifiers = ()
    channel: Channel
    device_hash: Identifier | None = None
    delivered_at: Timestamp | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        line_ids = set()
        lines_minor = 0
        for line in self.lines:
            line_ids.add(line.line_id)
            lines_minor += line.net_minor
            if line.quantity < 0 and line.net_minor:
                raise PydanticCustomError("negative_quantity", "a line of negative quantity has net_minor 0")
        if len(line_ids) != len(self.lines):
            raise PydanticCustomError("line_ids_repeat", "two lines of the receipt have the same line_id")
        tenders_minor = 0
        for tender in self.tenders:
            tenders_minor += tender.amount_minor
        if not lines_minor + self.shipping_minor == self.total_minor == tenders_minor:
            raise PydanticCustomError(
                "amounts_do_not_sum",
                "lines ({lines}) plus shipping ({shipping}), total_minor ({total}) and tenders ({tenders}) "
                "must be the same amount",
                {
                    "lines": lines_minor,
                    "shipping": self.shipping_minor,
                    "total": self.total_minor,
                    "tenders": tenders_minor,
                },
            )
        return self
