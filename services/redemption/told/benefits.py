"""What redemption tells of benefits: used, restored. Ids follow from the use."""

from datetime import datetime

from services.redemption.desk import Cause, RedemptionDesk
from services.redemption.outcomes import SOURCE, emit
from services.redemption.store.benefits import BenefitUse
from shared.events.benefit_restored import BenefitRestored
from shared.events.benefit_used import BenefitUsed
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import CausedEvent


def tell_benefit_used(
    desk: RedemptionDesk, use: BenefitUse, idempotency_key: str, *, times_after: int, budget_used_after: int
) -> None:
    data = BenefitUsed(
        program_id=use.program_id,
        member_id=use.member_id,
        causation_id=idempotency_key,
        correlation_id=str(use.use_id),
        rule_version=use.rule_version,
        use_id=str(use.use_id),
        benefit_id=use.benefit_id,
        kind=use.kind,
        merchant_id=use.merchant_id,
        receipt_id=use.receipt_id,
        amount_minor=use.amount_minor,
        currency=use.currency,
        period=use.period,
        times_after=times_after,
        times_allowed=use.times_allowed,
        budget_id=use.budget_id,
        budget_used_before=budget_used_after - use.amount_minor,
        budget_used_after=budget_used_after,
        idempotency_key=idempotency_key,
        body_hash=use.body_hash.hex(),
    )
    _tell(desk, data, use, "benefit.used", use.used_at)


def tell_benefit_restored(
    desk: RedemptionDesk, use: BenefitUse, at: datetime, reason: str, *, budget_used_after: int
) -> None:
    data = BenefitRestored(
        program_id=use.program_id,
        member_id=use.member_id,
        causation_id=str(use.use_id),
        correlation_id=str(use.use_id),
        rule_version=use.rule_version,
        use_id=str(use.use_id),
        benefit_id=use.benefit_id,
        merchant_id=use.merchant_id,
        amount_minor=use.amount_minor,
        currency=use.currency,
        budget_id=use.budget_id,
        budget_used_before=budget_used_after + use.amount_minor,
        budget_used_after=budget_used_after,
        reason=reason,
    )
    _tell(desk, data, use, "benefit.restored", at)


def _tell(desk: RedemptionDesk, data: CausedEvent, use: BenefitUse, purpose: str, at: datetime) -> None:
    event_id = derived_id(SOURCE, str(use.use_id), purpose)
    emit(desk, event_id, Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), at), data)
