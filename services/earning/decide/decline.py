"""A refusal: a decision with its code, told by one `points.declined`."""

from uuid import UUID

from services.earning.decide.route import OWN_SOURCE
from services.earning.desk import DecisionRow, EarningDesk, reference
from shared.events.cloudevent import derived_id
from shared.events.event import EventData
from shared.events.keys import member_key
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import GrantSource
from shared.events.reason_codes import ReasonCode
from shared.runtime import telemetry
from shared.runtime.batch import Delivered, outgoing_event

SOURCE = OWN_SOURCE
GRANTS = "points.grants.v1"


def grant_source(delivered: Delivered) -> GrantSource:
    """The inbound event as an outbound one names it."""
    event = delivered.required_event
    body = event.data
    return GrantSource(
        type=event.type,
        id=event.id,
        receipt_id=getattr(body, "receipt_id", None),
        merchant_id=getattr(body, "merchant_id", None),
    )


def member_of(body: EventData) -> tuple[str, str | None]:
    """The program and the member whose key the event lies under; of a referral accepted, the invitee."""
    program_id: str = getattr(body, "program_id", "")
    member_id: str | None = getattr(body, body.MEMBER_FIELD or "", None)
    return program_id, member_id


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
    program_id, member_id = member_of(event.data)
    desk.decisions.append(
        DecisionRow(
            delivered,
            program_id,
            member_id,
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
    source: GrantSource | None = None,
    other_member_id: str | None = None,
) -> None:
    """Emit `points.declined`, keyed as the event itself was; or to `other_member_id`, whom it would have paid.

    `source` is what is refused, if it is not the event itself.
    """
    event = delivered.required_event
    program_id, member_id = member_of(event.data)
    key = (delivered.key or b"").decode()
    if other_member_id is not None:
        member_id, key = other_member_id, member_key(program_id, other_member_id)
    declined = PointsDeclined(
        program_id=program_id,
        member_id=member_id,
        causation_id=reference(event),
        correlation_id=correlation_id or reference(event),
        rule_version=rule_version,
        code=code.value,
        would_have_earned=would_have_earned,
        source=source or grant_source(delivered),
        detail=detail,
    )
    event_id = derived_id(event.source, event.id, purpose)
    desk.emit(outgoing_event(GRANTS, key, event_id, SOURCE, member_id, event.time, declined))
    telemetry.REFUSED.labels("earning", code.value).inc()
