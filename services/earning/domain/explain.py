"""Why a receipt earns what it earns, as plain data for JSON. Its numbers are those `earn` grants."""

from collections.abc import Mapping

from services.earning.domain.basis import LineBasis, explain_bases
from services.earning.domain.cost import award_cost
from services.earning.domain.earn import Award, earn, out_of_scope
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, CompiledRule, RuleGroup
from services.earning.domain.returned import Returned
from services.earning.domain.rules import RULES
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode


def explain(
    purchase: PurchaseCompleted, returned: Returned, facts: EarnFacts, program: CompiledProgram
) -> dict[str, object]:
    """In order: the basis line by line, each rule's inputs, exact value and result, the awards, the totals."""
    out = out_of_scope(purchase, facts, program)
    bases = explain_bases(purchase, returned, program.tax_excluded)
    awards = earn(purchase, returned, facts, program)
    points_of: dict[str | None, int] = {}
    for award in awards:
        for line in award.lines:
            points_of[line.line_id] = points_of.get(line.line_id, 0) + line.points
    return {
        "program_id": program.program_id,
        "version": program.version,
        "currency": purchase.currency,
        "tax": program.pack.basis.tax,
        "facts": facts.to_json(),
        "out_of_scope": out,
        "lines": [_line(basis, points_of) for basis in bases],
        "rules": []
        if out is not None
        else [_rule(purchase, facts, group, rule, bases) for group in program.groups for rule in group.rules],
        "rules_switched_off": sorted(rule.rule_id for rule in program.pack.rules if not rule.enabled),
        "awards": [_award(award, program) for award in awards],
        "totals": {
            "net_minor": sum(basis.net for basis in bases),
            "paid_with_points_or_vouchers_minor": sum(basis.share for basis in bases),
            "basis_minor": sum(basis.basis for basis in bases),
            "points": sum(award.points for award in awards),
        },
    }


def _line(basis: LineBasis, points_of: Mapping[str | None, int]) -> dict[str, object]:
    return {
        "line_id": basis.line_id,
        "net_minor": basis.net,
        "paid_with_points_or_vouchers_minor": basis.share,
        "code": ReasonCode.EARN_ON_POINTS_SPEND.value if basis.share else None,
        "tax_minor": basis.tax,
        "excluded": basis.excluded,
        "basis_minor": basis.basis,
        "points": points_of.get(basis.line_id, 0),
    }


def _rule(
    purchase: PurchaseCompleted,
    facts: EarnFacts,
    group: RuleGroup,
    rule: CompiledRule,
    bases: list[LineBasis],
) -> dict[str, object]:
    amounts = [basis.basis for basis in bases[:-1]]
    points = rule.points_per_line(purchase, amounts, facts)
    return {
        "rule_id": rule.rule_id,
        "kind": rule.rule.kind,
        "points_class": group.points_class,
        "budget_id": group.budget_id,
        "inputs": RULES[rule.rule.kind].explain(rule.rule, purchase, amounts, facts),
        "result": sum(points),
        "lines": [
            {"line_id": line.line_id, "points": of_line}
            for line, of_line in zip(purchase.lines, points, strict=False)
            if of_line
        ],
    }


def _award(award: Award, program: CompiledProgram) -> dict[str, object]:
    budget = program.budgets[award.budget_id]
    return {
        "points_class": award.points_class,
        "budget_id": award.budget_id,
        "points": award.points,
        "expected_cost_minor": award_cost(award.points, budget.cost_minor, budget.cost_points),
    }
