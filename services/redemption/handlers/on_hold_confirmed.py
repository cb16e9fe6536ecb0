"""hold.confirmed: a person confirmed the case, so the points named are forfeited (C26)."""

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.hold import Decision, Verdict
from services.redemption.end_hold import decide_hold
from shared.events.hold_confirmed import HoldConfirmed
from shared.runtime.batch import Delivered, Fate


def on_hold_confirmed(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Take what the person named, as far as it is held, and give the rest back. It may come before its hold."""
    event, data = delivered.required_event, delivered.required_event.data
    assert isinstance(data, HoldConfirmed)  # noqa: S101 - the runtime chooses the handler by this type
    decision = Decision(
        Verdict.CONFIRMED,
        data.points,
        data.person,
        data.note,
        event.id,
        event.event_key,
        data.correlation_id,
        event.time,
    )
    return decide_hold(desk, (data.program_id, data.member_id), data.hold_id, decision)
