"""`recycling.collected`: what was weighed counts for the member's day."""

from services.fraud_monitoring.desk import Desk, seen_of
from services.fraud_monitoring.detectors import implausible_weight
from shared.events.keys import member_key
from shared.events.recycling_collected import RecyclingCollected
from shared.runtime.batch import Delivered, Fate


def on_recycling_collected(delivered: Delivered, desk: Desk) -> Fate:
    drop = delivered.required_event.data
    assert isinstance(drop, RecyclingCollected)  # noqa: S101 - the wiring says so
    grams = sum(item.grams or 0 for item in drop.items)
    if not grams or not desk.counts(delivered, drop.program_id, drop.member_id):
        return Fate.IGNORED
    key, seen = member_key(drop.program_id, drop.member_id), seen_of(delivered, drop.member_id, amount=grams)
    brought = desk.shelves.implausible_weight.take(key)
    grown, findings = implausible_weight.detect_drop(
        brought, drop.program_id, seen, desk.limits.implausible_weight, desk.oldest(seen.arrival)
    )
    desk.shelves.implausible_weight.put(key, brought, grown)
    desk.findings += findings
    return Fate.APPLIED
