"""What the API says of vouchers. Money is in minor units of `currency`."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from services.redemption.domain.voucher import Reduction, VoucherTerms
from services.redemption.mint import VoucherMint
from services.redemption.store.vouchers import Voucher, VoucherUse


class TermsAnswer(BaseModel):
    """What a voucher takes off, and where. A list that is null means all; 250 hundredths are 2.5%."""

    offer_id: str
    kind: str
    name: dict[str, str]
    amount_minor: int | None
    percent_hundredths: int | None
    max_minor: int | None
    threshold_minor: int
    currency: str
    merchants: list[str] | None
    skus: list[str] | None
    categories: list[str] | None
    labels: list[str] | None
    rule_version: int

    @classmethod
    def of(cls, terms: VoucherTerms) -> Self:
        return cls(
            offer_id=terms.offer_id,
            kind=terms.kind,
            name={"zh-CN": terms.name_zh, "en": terms.name_en},
            amount_minor=terms.amount_minor,
            percent_hundredths=terms.percent_hundredths,
            max_minor=terms.max_minor,
            threshold_minor=terms.threshold_minor,
            currency=terms.currency,
            merchants=_listed(terms.merchants),
            skus=_listed(terms.lines.skus),
            categories=_listed(terms.lines.categories),
            labels=_listed(terms.lines.labels),
            rule_version=terms.rule_version,
        )


class VoucherAnswer(BaseModel):
    """`state`: issued, used, expired or ended; `code` only while it can be used."""

    voucher_id: UUID
    state: str
    code: str | None
    terms: TermsAnswer
    order_id: UUID | None
    line_id: str | None
    request_id: UUID | None
    issued_at: datetime
    valid_until: datetime
    end_reason: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, voucher: Voucher, mint: VoucherMint) -> Self:
        return cls(
            voucher_id=voucher.voucher_id,
            state=voucher.state,
            code=mint.shown(voucher.voucher_id, voucher.code_sha256) if voucher.state == "issued" else None,
            terms=TermsAnswer.of(voucher.terms),
            order_id=voucher.order_id,
            line_id=voucher.line_id,
            request_id=voucher.request_id,
            issued_at=voucher.issued_at,
            valid_until=voucher.valid_until,
            end_reason=voucher.end_reason,
            ended_at=voucher.ended_at,
        )


class VouchersAnswer(BaseModel):
    """A page, newest first; `next_before` is the last one's id where there may be more."""

    vouchers: list[VoucherAnswer]
    next_before: UUID | None


class CheckAnswer(BaseModel):
    """What a voucher would take off this bill: `counted_minor` is what the lines it is for come to."""

    voucher_id: UUID
    counted_minor: int
    amount_minor: int
    currency: str
    valid_until: datetime
    terms: TermsAnswer

    @classmethod
    def of(cls, voucher: Voucher, off: Reduction) -> Self:
        return cls(
            voucher_id=voucher.voucher_id,
            counted_minor=off.counted_minor,
            amount_minor=off.amount_minor,
            currency=voucher.terms.currency,
            valid_until=voucher.valid_until,
            terms=TermsAnswer.of(voucher.terms),
        )


class UseAnswer(BaseModel):
    """One use; once undone it says when and why."""

    use_id: UUID
    voucher_id: UUID
    program_id: str
    merchant_id: str
    receipt_id: str | None
    counted_minor: int
    amount_minor: int
    currency: str
    used_at: datetime
    undone_at: datetime | None
    undo_reason: str | None

    @classmethod
    def of(cls, use: VoucherUse) -> Self:
        return cls(
            use_id=use.use_id,
            voucher_id=use.voucher_id,
            program_id=use.program_id,
            merchant_id=use.merchant_id,
            receipt_id=use.receipt_id,
            counted_minor=use.counted_minor,
            amount_minor=use.amount_minor,
            currency=use.currency,
            used_at=use.used_at,
            undone_at=use.undone_at,
            undo_reason=use.undo_reason,
        )


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)
