"""Implausible weight: drops that are each possible and together more than a household has.

Window and threshold (grams): `ImplausibleWeightLimit`. Code: WEIGHT_IMPLAUSIBLE. Holds the grants of those drops,
each once it is known; a single drop beyond its station is earning's to refuse (C11).
"""

import msgspec

from services.fraud_monitoring.domain.finding import Finding, Suspect, found
from services.fraud_monitoring.domain.limits import ImplausibleWeightLimit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import ROOM, Window, add, stretches
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode

RULE = ReasonCode.WEIGHT_IMPLAUSIBLE.value


class Brought(msgspec.Struct, frozen=True, array_like=True):
    """A member's drops, and the grants they earned by the drop event's name (source#id)."""

    drops: Window = {}
    grants: dict[str, list[Seen]] = {}


def detect_drop(
    brought: Brought, program_id: str, drop: Seen, limit: ImplausibleWeightLimit, oldest: int
) -> tuple[Brought, list[Finding]]:
    """`drop.amount` is in grams."""
    grown = Brought(add(brought.drops, drop, limit, oldest), brought.grants)
    return grown, _judge(grown, program_id, drop, limit)


def detect_grant(
    brought: Brought, program_id: str, drop_name: str, grant: Seen, limit: ImplausibleWeightLimit, oldest: int
) -> tuple[Brought, list[Finding]]:
    """A grant for the drop `drop_name`, before or after that drop itself was seen; its identity is the grant id."""
    if grant.at < oldest:
        return brought, []
    grants = {
        name: [seen for seen in known if seen.at >= oldest]
        for name, known in brought.grants.items()
        if any(seen.at >= oldest for seen in known)
    }
    known = grants.get(drop_name, [])
    if all(seen.identity != grant.identity for seen in known):
        grants[drop_name] = [*known, grant]
    while len(grants) > ROOM:
        del grants[min(grants, key=lambda name: (grants[name][0].at, name))]
    grown = Brought(brought.drops, grants)
    return grown, _judge(grown, program_id, grant, limit)


def _judge(brought: Brought, program_id: str, newest: Seen, limit: ImplausibleWeightLimit) -> list[Finding]:
    """A drop and its grants have the same business time, so either of them looks at the same windows."""
    findings = []
    for stretch in stretches(brought.drops, newest.at, limit):
        grams = sum(seen.amount for seen in stretch.seen)
        if grams >= limit.threshold:
            suspects = tuple(
                Suspect(grant.member, grant, grant.identity)
                for drop in stretch.seen
                for grant in brought.grants.get(drop.cause, ())
            )
            key = member_key(program_id, newest.member)
            findings.append(found(RULE, program_id, key, stretch, limit, grams, stretch.seen, suspects))
    return findings
