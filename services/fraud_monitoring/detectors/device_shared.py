"""Device shared by many members: one phone or browser that buys for a crowd.

Window and threshold: `DeviceSharedLimit`. Code: DEVICE_SHARED. Holds each of the members.
"""

from services.fraud_monitoring.domain.device_seen import device_key
from services.fraud_monitoring.domain.finding import Finding, Suspect, found
from services.fraud_monitoring.domain.limits import DeviceSharedLimit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import Window, add, stretches
from shared.events.reason_codes import ReasonCode

RULE = ReasonCode.DEVICE_SHARED.value


def detect(
    window: Window, program_id: str, device: str, member: Seen, limit: DeviceSharedLimit, oldest: int
) -> tuple[Window, list[Finding]]:
    """`window` is the device's; what is counted is a member, by the first purchase in each step."""
    grown = add(window, member, limit, oldest)
    findings = []
    for stretch in stretches(grown, member.at, limit):
        first: dict[str, Seen] = {}
        for seen in stretch.seen:
            first.setdefault(seen.member, seen)
        if len(first) >= limit.threshold:
            evidence = tuple(first.values())
            suspects = tuple(Suspect(name, seen) for name, seen in first.items())
            key = device_key(program_id, device)
            findings.append(found(RULE, program_id, key, stretch, limit, len(first), evidence, suspects))
    return grown, findings
