"""What a receipt earns: a pure function of receipt, refunds so far, facts and program version."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from services.earning.domain.basis import line_bases
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, CompiledRule, RuleGroup
from services.earning.domain.returned import Returned
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseCompleted


class AwardLine(NamedTuple):
    """What one line earned, and by which rules; only lines and rules that gave something."""

    line_id: str
    points: int
    rules: tuple[tuple[str, int], ...]


class Award(NamedTuple):
    """Points of one class from one budget. Its lines sum to its points."""

    points_class: PointsClass
    budget_id: str
    points: int
    lines: tuple[AwardLine, ...]


def out_of_scope(purchase: PurchaseCompleted, facts: EarnFacts, program: CompiledProgram) -> str | None:
    """Why the whole receipt earns nothing under this program; None if its lines decide."""
    if facts.listed:
        return "the member is a listed party"
    if purchase.currency != program.currency:
        return f"the receipt is in {purchase.currency}, the program in {program.currency}"
    if program.merchants and purchase.merchant_id not in program.merchants:
        return f"merchant {purchase.merchant_id} does not take part in the program"
    return None


def earn(
    purchase: PurchaseCompleted,
    returned: Returned,
    facts: EarnFacts,
    program: CompiledProgram,
    only_rules: AbstractSet[str] | None = None,
) -> tuple[Award, ...]:
    """One award per class and budget that comes to at least one point, in order of evaluation.

    `only_rules` restricts it to the rules that granted originally, for a claw-back.
    """
    if out_of_scope(purchase, facts, program) is not None:
        return ()
    bases = line_bases(purchase, returned, program.tax_excluded)
    awards = []
    for group in program.groups:
        given = []
        for rule in group.rules:
            if only_rules is None or rule.rule_id in only_rules:
                points = rule.points_per_line(purchase, bases, facts)
                if points:
                    given.append((rule, points))
        if given:
            award = _award(purchase, group, given)
            if award.points:
                awards.append(award)
    return tuple(awards)


def _award(purchase: PurchaseCompleted, group: RuleGroup, given: list[tuple[CompiledRule, Sequence[int]]]) -> Award:
    lines = []
    total = 0
    if len(given) == 1:
        rule, points = given[0]
        for line, of_line in zip(purchase.lines, points, strict=True):
            if of_line:
                lines.append(AwardLine(line.line_id, of_line, ((rule.rule_id, of_line),)))
                total += of_line
    else:
        for position, line in enumerate(purchase.lines):
            rules = tuple((rule.rule_id, points[position]) for rule, points in given if points[position])
            if rules:
                of_line = sum(of_rule for _, of_rule in rules)
                lines.append(AwardLine(line.line_id, of_line, rules))
                total += of_line
    return Award(group.points_class, group.budget_id, total, tuple(lines))
