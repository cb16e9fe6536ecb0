"""A campaign's cap is counted for as long as its rule lives, so its number stays what it was first."""

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack
from shared.programs.rules import Cap, CappedRule


def check(pack: ProgramPack, previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    first: dict[str, int] = {}
    for version in sorted(previous, key=lambda one: one.version):
        for _, _, rule_id, cap in _campaigns(version):
            first.setdefault(rule_id, cap.points)
    return tuple(
        finding(
            ReasonCode.RULES_CONTRADICT,
            "error",
            ("rules", position, "caps", place, "points"),
            "the campaign of rule {name} was published with {before} points and keeps them for as long as the rule "
            "lives; give the new campaign a rule_id of its own",
            name=rule_id,
            before=first[rule_id],
        )
        for position, place, rule_id, cap in _campaigns(pack)
        if first.get(rule_id, cap.points) != cap.points
    )


def _campaigns(pack: ProgramPack) -> list[tuple[int, int, str, Cap]]:
    """Place of the rule, place of the cap, the rule's id and the cap."""
    return [
        (position, place, rule.rule_id, cap)
        for position, rule in enumerate(pack.rules)
        if isinstance(rule, CappedRule)
        for place, cap in enumerate(rule.caps)
        if cap.per == "campaign"
    ]
