"""A refusal: a decision with its code, told by one `points.declined`."""

from typing import cast
from uuid import UUID

from services.earning.desk import DecisionRow, EarningDesk, reference
from shared.events.cloudevent import derived_id
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import GrantSource
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.reason_codes import ReasonCode
from shared.runtime import telemetry
from shared.runtime.batch import Delivered, outgoing_event

SOURCE = "/earning"
GRANTS = "points.grants.v1"


def grant_source(delivered: Delivered) -> GrantSource:
    """The inbound event as an outbound one names it."""
    event = delivered.required_event
    body = cast(PurchaseCompleted | PurchaseRefunded, event.data)
    return GrantSource(type=event.type, id=event.id, receipt_id=body.receipt_id, merchant_id=body.merchant_id)


def decide(
    delivered: Delivered,
    desk: EarningDesk,
    outcome: str,
    *,
    code: ReasonCode | None = None,
    would_have_earned: int = 0,
    receipt_key: UUID | None = None,
    correlation_id: str | None = None,
) -> None:
    """Record what became of the event (invariant 2)."""
    event = delivered.required_event
    body = cast(PurchaseCompleted, event.data)
    desk.decisions.append(
        DecisionRow(
            delivered,
            body.program_id,
            body.member_id,
            outcome,
            None if code is None else code.value,
            would_have_earned,
            receipt_key,
            correlation_id or reference(event),
        )
    )


def tell_declined(
    delivered: Delivered,
    desk: EarningDesk,
    code: ReasonCode,
    *,
    would_have_earned: int = 0,
    rule_version: int | None = None,
    detail: str | None = None,
    purpose: str = "declined",
    correlation_id: str | None = None,
) -> None:
    """Emit `points.declined`, keyed as the event itself was."""
    event = delivered.required_event
    body = cast(PurchaseCompleted | PurchaseRefunded, event.data)
    declined = PointsDeclined(
        program_id=body.program_id,
        member_id=body.member_id,
        causation_id=reference(event),
        correlation_id=correlation_id or reference(event),
        rule_version=rule_version,
        code=code.value,
        would_have_earned=would_have_earned,
        source=grant_source(delivered),
        detail=detail,
    )
    key = (delivered.key or b"").decode()
    event_id = derived_id(event.source, event.id, purpose)
    desk.emit(outgoing_event(GRANTS, key, event_id, SOURCE, body.member_id, event.time, declined))
    telemetry.REFUSED.labels("earning", code.value).inc()
