"""Refund soon after earning: points are earned, and the goods go back before anybody looks.

Window and threshold: `RefundAfterEarningLimit`. Code: REFUND_AFTER_EARNING. Holds the member.
"""

import msgspec

from services.fraud_monitoring.domain.finding import Finding, Suspect, found
from services.fraud_monitoring.domain.limits import MINUTE, RefundAfterEarningLimit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import ROOM, Window, add, stretches
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode

RULE = ReasonCode.REFUND_AFTER_EARNING.value


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """When it was made, and for which event: one receipt may make several grants."""

    at: int
    rewarded: str


class Earned(msgspec.Struct, frozen=True, array_like=True):
    """A member's grants by id, and the claw-backs that came soon."""

    grants: dict[str, Grant] = {}
    quick: Window = {}


def remember_grant(earned: Earned, grant_id: str, grant: Grant, oldest: int) -> Earned:
    """Keeps when a grant was made, for as long as late events are counted."""
    if grant_id in earned.grants or grant.at < oldest:
        return earned
    grants = {known: made for known, made in earned.grants.items() if made.at >= oldest}
    grants[grant_id] = grant
    while len(grants) > ROOM:
        del grants[min(grants, key=lambda known: (grants[known].at, known))]
    return Earned(grants, earned.quick)


def detect(
    earned: Earned, program_id: str, claw_back: Seen, limit: RefundAfterEarningLimit, oldest: int
) -> tuple[Earned, list[Finding]]:
    """`claw_back.other` is the grant it takes from. What is counted is the receipt, however often it is refunded."""
    grant = earned.grants.get(claw_back.other)
    if grant is None or claw_back.at - grant.at > limit.soon_minutes * MINUTE:
        return earned, []
    counted = msgspec.structs.replace(claw_back, identity=grant.rewarded)
    grown = Earned(earned.grants, add(earned.quick, counted, limit, oldest))
    findings = []
    for stretch in stretches(grown.quick, claw_back.at, limit):
        first: dict[str, Seen] = {}
        for seen in stretch.seen:
            first.setdefault(seen.identity, seen)
        if len(first) >= limit.threshold:
            evidence = tuple(first.values())
            suspect = Suspect(claw_back.member, evidence[-1])
            key = member_key(program_id, claw_back.member)
            findings.append(found(RULE, program_id, key, stretch, limit, len(first), evidence, (suspect,)))
    return grown, findings
