"""C09: what is given for no purchase is capped. A warning, for evidence and the budget bound it, if not each member.

Sign-ups and birthdays count once, activities as often as they say. Drops and invitations come as often as members
bring them, so their rules need a cap over more than one of them.
"""

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack
from shared.programs.rules import MaterialRule, ReferralRule, Rule


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    return tuple(
        finding(
            ReasonCode.AWARD_NOT_CAPPED,
            "warning",
            ("rules", position),
            "rule {name} gives points for no purchase and as often as it happens; write caps, per member_day say",
            name=rule.rule_id,
        )
        for position, rule in enumerate(pack.rules)
        if rule.enabled and _is_unbounded(rule)
    )


def _is_unbounded(rule: Rule) -> bool:
    if not isinstance(rule, MaterialRule | ReferralRule):
        return False
    once = isinstance(rule, ReferralRule) and rule.side == "invitee"
    return not once and all(cap.per in ("transaction", "campaign") for cap in rule.caps)
