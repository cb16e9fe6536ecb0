"""`purchase.completed`: counts for the member's velocity; with a device it is seen from that device's side too."""

from services.fraud_monitoring.desk import Desk, seen_of
from services.fraud_monitoring.detectors import member_velocity
from services.fraud_monitoring.domain.device_seen import see_purchase, sighting
from shared.events.keys import member_key
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.batch import Delivered, Fate


def on_purchase_completed(delivered: Delivered, desk: Desk) -> Fate:
    purchase = delivered.required_event.data
    assert isinstance(purchase, PurchaseCompleted)  # noqa: S101 - the wiring says so
    member_id = purchase.member_id
    if member_id is None or not desk.counts(delivered, purchase.program_id, member_id):
        return Fate.IGNORED
    key, seen = member_key(purchase.program_id, member_id), seen_of(delivered, member_id)
    window = desk.shelves.member_velocity.take(key)
    grown, findings = member_velocity.detect(
        window, purchase.program_id, seen, desk.limits.member_velocity, desk.oldest(seen.arrival)
    )
    desk.shelves.member_velocity.put(key, window, grown)
    desk.findings += findings
    if purchase.device_hash is not None:
        known = desk.shelves.member_links.take(key)
        links = see_purchase(known, purchase.device_hash, seen)
        desk.shelves.member_links.put(key, known, links)
        desk.sightings.append(sighting(purchase.program_id, purchase.device_hash, seen, links))
    return Fate.APPLIED
