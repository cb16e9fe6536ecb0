"""hold.released: a person cleared the case, so the points are free again (C26)."""

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.hold import Decision, Verdict
from services.redemption.end_hold import decide_hold
from shared.events.hold_released import HoldReleased
from shared.runtime.batch import Delivered, Fate


def on_hold_released(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Give back what the hold binds; a deficit is repaid first. A release may come before its hold."""
    event, data = delivered.required_event, delivered.required_event.data
    assert isinstance(data, HoldReleased)  # noqa: S101 - the runtime chooses the handler by this type
    decision = Decision(
        Verdict.RELEASED, None, data.person, data.note, event.id, event.event_key, data.correlation_id, event.time
    )
    return decide_hold(desk, (data.program_id, data.member_id), data.hold_id, decision)
