"""What the API says of benefits. Money is in minor units of `currency`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from services.redemption.domain.benefit import Holder, is_entitled
from services.redemption.domain.voucher import hundredths
from services.redemption.store.benefits import BenefitUse
from shared.programs.benefits import AnyBenefit, PercentBenefit
from shared.programs.pack import ProgramPack


class BenefitAnswer(BaseModel):
    """One right as it is published: `left` uses in `period` for a member who is `entitled`, else 0."""

    benefit_id: str
    kind: str
    name: dict[str, str]
    tiers: list[str] | None
    lifetime_at_least: int | None
    market_value_minor: int | None
    percent_hundredths: int | None
    max_minor: int | None
    times: int
    per: str
    period: str
    entitled: bool
    used: int
    left: int


class BenefitsAnswer(BaseModel):
    """Every right of the version in force; the terms are the same for every member."""

    rule_version: int
    currency: str
    tier: str | None
    lifetime: int
    benefits: list[BenefitAnswer]


class BenefitUseAnswer(BaseModel):
    """One use, which cost the budget `amount_minor` and for a percentage lowers the bill by it."""

    use_id: UUID
    program_id: str
    member_id: str
    benefit_id: str
    kind: str
    merchant_id: str
    receipt_id: str | None
    amount_minor: int
    currency: str
    period: str
    times_allowed: int
    used_at: datetime
    undone_at: datetime | None
    undo_reason: str | None

    @classmethod
    def of(cls, use: BenefitUse) -> Self:
        return cls.model_validate(use, from_attributes=True)


def benefits_answer(
    pack: ProgramPack, holder: Holder, shown: Sequence[tuple[AnyBenefit, str]], used: Mapping[str, int]
) -> BenefitsAnswer:
    """`shown` are benefits with the period they are counted in; `used` says how often."""
    return BenefitsAnswer(
        rule_version=pack.version,
        currency=pack.currency,
        tier=holder.tier,
        lifetime=holder.lifetime,
        benefits=[_benefit(each, period, holder, used.get(each.benefit_id, 0)) for each, period in shown],
    )


def _benefit(benefit: AnyBenefit, period: str, holder: Holder, used: int) -> BenefitAnswer:
    percentage = benefit if isinstance(benefit, PercentBenefit) else None
    entitled = is_entitled(benefit, holder)
    return BenefitAnswer(
        benefit_id=benefit.benefit_id,
        kind=benefit.kind,
        name={"zh-CN": benefit.name.zh_cn, "en": benefit.name.en},
        tiers=None if benefit.tiers is None else list(benefit.tiers),
        lifetime_at_least=benefit.lifetime_at_least,
        market_value_minor=None if isinstance(benefit, PercentBenefit) else benefit.market_value_minor,
        percent_hundredths=None if percentage is None else hundredths(percentage.percent),
        max_minor=None if percentage is None else percentage.max_minor,
        times=benefit.times,
        per=benefit.per,
        period=period,
        entitled=entitled,
        used=used,
        left=max(0, benefit.times - used) if entitled else 0,
    )
