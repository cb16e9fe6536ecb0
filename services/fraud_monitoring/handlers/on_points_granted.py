"""`points.granted`: when it was earned, in case it is refunded soon; and which grant a drop became."""

from services.fraud_monitoring.desk import Desk, seen_of
from services.fraud_monitoring.detectors import implausible_weight, refund_after_earning
from shared.events.keys import member_key
from shared.events.points_granted import PointsGranted
from shared.events.recycling_collected import RecyclingCollected
from shared.runtime.batch import Delivered, Fate


def on_points_granted(delivered: Delivered, desk: Desk) -> Fate:
    grant = delivered.required_event.data
    assert isinstance(grant, PointsGranted)  # noqa: S101 - the wiring says so
    if not desk.counts(delivered, grant.program_id, grant.member_id):
        return Fate.IGNORED
    key, seen = member_key(grant.program_id, grant.member_id), seen_of(delivered, grant.member_id)
    oldest = desk.oldest(seen.arrival)
    if grant.source.type == RecyclingCollected.TYPE:
        _see_drop_rewarded(delivered, desk, grant, key, oldest)
    else:
        earned = desk.shelves.refund_after_earning.take(key)
        grown = refund_after_earning.remember_grant(
            earned, grant.grant_id, refund_after_earning.Grant(seen.at, grant.causation_id), oldest
        )
        desk.shelves.refund_after_earning.put(key, earned, grown)
    return Fate.APPLIED


def _see_drop_rewarded(delivered: Delivered, desk: Desk, grant: PointsGranted, key: str, oldest: int) -> None:
    brought = desk.shelves.implausible_weight.take(key)
    seen = seen_of(delivered, grant.member_id, identity=grant.grant_id, amount=grant.points)
    grown, findings = implausible_weight.detect_grant(
        brought, grant.program_id, grant.causation_id, seen, desk.limits.implausible_weight, oldest
    )
    desk.shelves.implausible_weight.put(key, brought, grown)
    desk.findings += findings
