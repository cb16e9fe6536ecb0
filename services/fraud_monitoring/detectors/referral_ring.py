"""Referral ring by device: members invited by the same member all buy on one device.

Window and threshold: `ReferralRingLimit`. Code: REFERRAL_RING. Holds the invited members and the inviter.
"""

from services.fraud_monitoring.domain.device_seen import device_key
from services.fraud_monitoring.domain.finding import Finding, Suspect, found
from services.fraud_monitoring.domain.limits import ReferralRingLimit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import Window, add, stretches
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode

RULE = ReasonCode.REFERRAL_RING.value


def detect(
    window: Window, program_id: str, device: str, invited: Seen, limit: ReferralRingLimit, oldest: int
) -> tuple[Window, list[Finding]]:
    """`window` is the device's; `invited.other` is the inviter. A member counts once, with their one inviter."""
    grown = add(window, invited, limit, oldest)
    findings = []
    inviter = invited.other
    for stretch in stretches(grown, invited.at, limit):
        first: dict[str, Seen] = {}
        for seen in stretch.seen:
            if seen.other == inviter:
                first.setdefault(seen.member, seen)
        if len(first) >= limit.threshold:
            evidence = tuple(first.values())
            suspects = (*(Suspect(name, seen) for name, seen in first.items()), Suspect(inviter, evidence[-1]))
            findings.append(
                found(
                    RULE,
                    program_id,
                    member_key(program_id, inviter),
                    stretch,
                    limit,
                    len(first),
                    evidence,
                    suspects,
                    identity=f"{inviter} {device_key(program_id, device)}",
                )
            )
    return grown, findings
