"""A bill as a till shows it: what vouchers and benefits are judged by."""

import hashlib
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.redemption.domain.voucher import BillLine
from shared.events.fields import MAX_SAFE_INTEGER, Currency, FreeText, Identifier, Identifiers, MinorUnits


class RequestBody(BaseModel):
    """Strict, bounded, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def sha256(self) -> bytes:
        """Over the body's canonical form: the same key with another body is refused."""
        return hashlib.sha256(orjson.dumps(self.model_dump(), option=orjson.OPT_SORT_KEYS)).digest()


class LineShown(RequestBody):
    """`net_minor` is what the line costs after its discounts."""

    line_id: Identifier
    sku: Identifier
    category: Identifier | None = None
    labels: Identifiers = ()
    net_minor: MinorUnits


class Bill(RequestBody):
    """The lines of one bill at one merchant, before what is asked for is taken off."""

    merchant_id: Identifier
    currency: Currency
    receipt_id: Identifier | None = None
    lines: Annotated[tuple[LineShown, ...], Field(min_length=1, max_length=2000, strict=False)]

    @property
    def total_minor(self) -> int:
        return sum(line.net_minor for line in self.lines)

    @model_validator(mode="after")
    def _is_an_amount(self) -> Self:
        """Events tell sums of its lines, and each is one amount of money."""
        if self.total_minor > MAX_SAFE_INTEGER:
            raise ValueError(f"the bill's total is more than {MAX_SAFE_INTEGER} minor units")
        return self

    def bill_lines(self) -> tuple[BillLine, ...]:
        return tuple(
            BillLine(line.line_id, line.sku, line.category, frozenset(line.labels), line.net_minor)
            for line in self.lines
        )


class Undoing(RequestBody):
    """Why the bill was voided."""

    reason: Annotated[FreeText, Field(min_length=1)]
