"""A purchase seen from its device's side: who else bought there, and whether one member invited them all."""

from services.fraud_monitoring.desk import Desk
from services.fraud_monitoring.detectors import device_shared, referral_ring
from services.fraud_monitoring.domain.device_seen import DeviceSeen, device_key


def on_device_seen(sighted: DeviceSeen, desk: Desk) -> None:
    program_id, device = sighted.program_id, sighted.device
    key = device_key(program_id, device)
    window = desk.shelves.device_shared.take(key)
    grown, findings = device_shared.detect(
        window, program_id, device, sighted.member, desk.limits.device_shared, desk.oldest(sighted.member.arrival)
    )
    desk.shelves.device_shared.put(key, window, grown)
    desk.findings += findings
    if (invited := sighted.invited) is not None:
        window = desk.shelves.referral_ring.take(key)
        grown, findings = referral_ring.detect(
            window, program_id, device, invited, desk.limits.referral_ring, desk.oldest(invited.arrival)
        )
        desk.shelves.referral_ring.put(key, window, grown)
        desk.findings += findings
