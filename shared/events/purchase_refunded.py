"""`purchase.refunded`: goods came back, or their price was given back."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import EventData, Part
from shared.events.fields import (
    MAX_LINES,
    Currency,
    FreeText,
    Identifier,
    MinorUnits,
    PositiveQuantity,
    ProgramId,
)
from shared.events.purchase_completed import Tender


class RefundLine(Part):
    """What came back of one SKU; `net_minor` is what was given back for it, in minor units."""

    line_id: Identifier | None = None
    sku: Identifier
    quantity: PositiveQuantity
    net_minor: MinorUnits


class PurchaseRefunded(EventData):
    """A refund. With `receipt_id` it matches that receipt only, else the member's purchases of the SKU."""

    TYPE: ClassVar[str] = "greenpoints.purchase.refunded.v1"
    TOPIC: ClassVar[str] = "pos.purchases.v1"

    program_id: ProgramId
    merchant_id: Identifier
    refund_id: Identifier
    receipt_id: Identifier | None = None
    member_id: Identifier | None = None
    currency: Currency
    lines: tuple[RefundLine, ...] = Field(min_length=1, max_length=MAX_LINES)
    tenders: tuple[Tender, ...] = Field(default=(), max_length=MAX_LINES)
    reason: FreeText | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        line_ids = [line.line_id for line in self.lines if line.line_id is not None]
        if len(set(line_ids)) != len(line_ids):
            raise PydanticCustomError("line_ids_repeat", "two lines of the refund have the same line_id")
        lines_minor = sum(line.net_minor for line in self.lines)
        tenders_minor = sum(tender.amount_minor for tender in self.tenders)
        if self.tenders and tenders_minor != lines_minor:
            raise PydanticCustomError(
                "amounts_do_not_sum",
                "lines ({lines}) and tenders ({tenders}) must be the same amount",
                {"lines": lines_minor, "tenders": tenders_minor},
            )
        return self
