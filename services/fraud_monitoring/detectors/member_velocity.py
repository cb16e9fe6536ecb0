"""Member velocity: one member buys more often than a person shops.

Window and threshold: `MemberVelocityLimit`. Code: MEMBER_VELOCITY. Holds the member.
"""

from services.fraud_monitoring.domain.finding import Finding, Suspect, found
from services.fraud_monitoring.domain.limits import MemberVelocityLimit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import Window, add, stretches
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode

RULE = ReasonCode.MEMBER_VELOCITY.value


def detect(
    window: Window, program_id: str, purchase: Seen, limit: MemberVelocityLimit, oldest: int
) -> tuple[Window, list[Finding]]:
    """`window` is the member's; a purchase's identity is its event key."""
    grown = add(window, purchase, limit, oldest)
    findings = []
    for stretch in stretches(grown, purchase.at, limit):
        if len(stretch.seen) >= limit.threshold:
            suspect = Suspect(purchase.member, stretch.seen[-1])
            key = member_key(program_id, purchase.member)
            findings.append(found(RULE, program_id, key, stretch, limit, len(stretch.seen), stretch.seen, (suspect,)))
    return grown, findings
