"""points.tender_refunded: a bill that points had paid was refunded, so the points go back to their lots."""

from dataclasses import replace
from uuid import UUID

from services.redemption.desk import RedemptionDesk, TenderRefund
from services.redemption.domain.authorization import Authorization, State
from services.redemption.give_back import give_back
from services.redemption.outcomes import SOURCE
from shared.events.cloudevent import CloudEvent, Rejected, derived_id
from shared.events.points_tender_refunded import PointsTenderRefunded
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_points_tender_refunded(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Give back floor(captured × cumulative ÷ captured amount) less what it already gave; never more than captured.

    An authorization that is unknown or was not captured becomes a dead letter, to be replayed once it was.
    """
    event, asked = delivered.required_event, _data(delivered)
    captured = _captured(desk, asked)
    points = captured.owed_back(asked.amount_minor)
    restoration_id = _restore(desk, captured, points, event, asked) if points else None
    refunded = max(captured.refunded_minor, min(asked.amount_minor, captured.captured_minor))
    desk.authorizations[captured.authorization_id] = replace(
        captured, refunded_minor=refunded, given_back=captured.given_back + points
    )
    desk.tender_refunds.append(
        TenderRefund(
            tender_refund_id=UUID(event.id),
            authorization_id=captured.authorization_id,
            member=captured.member,
            refund_id=asked.refund_id,
            amount_minor=asked.amount_minor,
            points=points,
            restoration_id=restoration_id,
            told_at=event.time,
        )
    )
    return Fate.APPLIED


def _restore(
    desk: RedemptionDesk, captured: Authorization, points: int, event: CloudEvent, asked: PointsTenderRefunded
) -> UUID:
    assert captured.redemption_id is not None  # noqa: S101 - what was captured is a redemption
    restoration_id = derived_id(SOURCE, event.id, "restoration")
    spent = desk.spent[captured.redemption_id]
    restored = give_back(
        desk,
        captured.member,
        spent,
        points,
        restoration_id=restoration_id,
        because=event.id,
        story=asked.correlation_id,
        at=event.time,
        reason=f"refund {asked.refund_id}",
    )
    desk.spent[captured.redemption_id] = spent.less(restored)
    return restoration_id


def _captured(desk: RedemptionDesk, asked: PointsTenderRefunded) -> Authorization:
    found = desk.authorizations.get(_id(asked.authorization_id))
    if found is None or found.member != (asked.program_id, asked.member_id):
        raise Rejected(
            ReasonCode.REFUND_WITHOUT_PURCHASE,
            f"This member has no authorization {asked.authorization_id}; ask the till which one paid the bill.",
        )
    if found.state is not State.CAPTURED:
        raise Rejected(
            ReasonCode.WRONG_STATE,
            f"Authorization {asked.authorization_id} is {found.state.value}, not captured, so it paid nothing; "
            "replay the record once it was captured.",
        )
    return found


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Rejected(
            ReasonCode.MALFORMED, f"{text} is no authorization of redemption's; its ids are UUIDs."
        ) from None


def _data(delivered: Delivered) -> PointsTenderRefunded:
    data = delivered.required_event.data
    assert isinstance(data, PointsTenderRefunded)  # noqa: S101 - the runtime chooses the handler by this type
    return data
