"""`points.clawed_back`: soon after its grant it counts."""

from services.fraud_monitoring.desk import Desk, seen_of
from services.fraud_monitoring.detectors import refund_after_earning
from shared.events.keys import member_key
from shared.events.points_clawed_back import PointsClawedBack
from shared.runtime.batch import Delivered, Fate


def on_points_clawed_back(delivered: Delivered, desk: Desk) -> Fate:
    claw_back = delivered.required_event.data
    assert isinstance(claw_back, PointsClawedBack)  # noqa: S101 - the wiring says so
    if not desk.counts(delivered, claw_back.program_id, claw_back.member_id):
        return Fate.IGNORED
    key = member_key(claw_back.program_id, claw_back.member_id)
    seen = seen_of(delivered, claw_back.member_id, amount=claw_back.points, other=claw_back.grant_id)
    earned = desk.shelves.refund_after_earning.take(key)
    grown, findings = refund_after_earning.detect(
        earned, claw_back.program_id, seen, desk.limits.refund_after_earning, desk.oldest(seen.arrival)
    )
    desk.shelves.refund_after_earning.put(key, earned, grown)
    desk.findings += findings
    return Fate.APPLIED
