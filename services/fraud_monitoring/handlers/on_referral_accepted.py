"""`referral.accepted`: the invitee's devices learn who invited them, those seen before included."""

from services.fraud_monitoring.desk import Desk, seen_of
from services.fraud_monitoring.domain.device_seen import see_referral, sighting
from shared.events.keys import member_key
from shared.events.referral_accepted import ReferralAccepted
from shared.runtime.batch import Delivered, Fate


def on_referral_accepted(delivered: Delivered, desk: Desk) -> Fate:
    referral = delivered.required_event.data
    assert isinstance(referral, ReferralAccepted)  # noqa: S101 - the wiring says so
    if not desk.counts(delivered, referral.program_id, referral.invitee_id):
        return Fate.IGNORED
    key = member_key(referral.program_id, referral.invitee_id)
    known = desk.shelves.member_links.take(key)
    links = see_referral(known, seen_of(delivered, referral.invitee_id, other=referral.inviter_id))
    desk.shelves.member_links.put(key, known, links)
    for device, purchase in links.devices.items():
        desk.sightings.append(sighting(referral.program_id, device, purchase, links))
    return Fate.APPLIED
