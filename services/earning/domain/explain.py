"""Why a receipt earns what it earns, as plain data for JSON. Its numbers are those `earn` grants."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from services.earning.domain.award import Award
from services.earning.domain.basis import LineBasis, explain_bases
from services.earning.domain.basket import Basket, shipping_line_id
from services.earning.domain.caps import caps_told
from services.earning.domain.compiled_rule import CompiledRule, Multiplication
from services.earning.domain.cost import award_cost
from services.earning.domain.earn import awards_of, basket_of, out_of_scope
from services.earning.domain.evaluate import evaluate, failing, own_lines
from services.earning.domain.explain_conditions import conditions_of
from services.earning.domain.facts import EarnFacts
from services.earning.domain.multiply import Given
from services.earning.domain.notes import Notes
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import Returned
from services.earning.domain.rules import RULES
from services.earning.domain.why import parts_of
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode


def explain(
    purchase: PurchaseCompleted,
    returned: Returned,
    facts: EarnFacts,
    program: CompiledProgram,
    only: AbstractSet[str] | None = None,
) -> dict[str, object]:
    """In order: the basis line by line, each rule's inputs, why it gives what it gives, the awards, the totals.

    `only`: for what remains after refunds, the rules that are judged again (rules_judged_again).
    """
    out = out_of_scope(purchase, facts, program)
    bases = explain_bases(purchase, returned, program.tax_excluded, program.shipping_earns)
    basket, notes = basket_of(purchase, returned, program), Notes()
    given = [] if out is not None else evaluate(basket, facts, program, only, notes)
    awards = awards_of(purchase, given)
    return {
        "program_id": program.program_id,
        "version": program.version,
        "currency": purchase.currency,
        "tax": program.pack.basis.tax,
        "facts": facts.to_json(),
        "out_of_scope": out,
        "out_of_scope_parts": parts_of(out),
        "combine_multipliers": program.combine,
        "lines": _lines(purchase, bases, awards),
        "rules": [] if out is not None else _rules(basket, facts, program, given, notes),
        "rules_switched_off": sorted(rule.rule_id for rule in program.pack.rules if not rule.enabled),
        "awards": [_award(award, program) for award in awards],
        "totals": {
            "net_minor": sum(basis.net for basis in bases),
            "paid_with_points_or_vouchers_minor": sum(basis.share for basis in bases),
            "basis_minor": sum(basis.basis for basis in bases),
            "points": sum(award.points for award in awards),
        },
    }


def _lines(purchase: PurchaseCompleted, bases: Sequence[LineBasis], awards: Sequence[Award]) -> list[dict[str, object]]:
    points_of: dict[str, int] = {}
    for award in awards:
        for line in award.lines:
            points_of[line.line_id] = points_of.get(line.line_id, 0) + line.points
    return [
        {
            "line_id": basis.line_id,
            "net_minor": basis.net,
            "paid_with_points_or_vouchers_minor": basis.share,
            "code": ReasonCode.EARN_ON_POINTS_SPEND.value if basis.share else None,
            "tax_minor": basis.tax,
            "excluded": basis.excluded,
            "excluded_parts": parts_of(basis.excluded),
            "basis_minor": basis.basis,
            "points": points_of.get(basis.line_id or shipping_line_id(purchase), 0),
        }
        for basis in bases
    ]


def _rules(
    basket: Basket, facts: EarnFacts, program: CompiledProgram, given: Sequence[Given], notes: Notes
) -> list[dict[str, object]]:
    """Every rule that is switched on, in order of evaluation."""
    points_of = {one.rule.rule_id: one.points for one in given}
    today = {rule.rule_id for rule in program.rules_on(facts.day)}
    for rule in program.rules:
        if rule.rule_id not in today and facts.day is not None:
            notes.why_not[rule.rule_id] = failing(rule.conditions.day[: _first_failing(rule, facts)], facts.day)
    return [_rule(basket, facts, rule, points_of.get(rule.rule_id), notes) for rule in program.rules]


def _first_failing(rule: CompiledRule, facts: EarnFacts) -> int:
    """Up to where days were judged: what comes later may ask for days off that nobody has published."""
    for place, (_, holds) in enumerate(rule.conditions.day, start=1):
        if facts.day is not None and not holds(facts.day):
            return place
    return len(rule.conditions.day)


def _rule(
    basket: Basket, facts: EarnFacts, rule: CompiledRule, points: Sequence[int] | None, notes: Notes
) -> dict[str, object]:
    own = own_lines(rule, basket, facts)
    names = [line.line_id for line in basket.purchase.lines]
    if len(basket.bases) > len(names):
        names.append(shipping_line_id(basket.purchase))
    told: dict[str, object] = {
        "rule_id": rule.rule_id,
        "kind": rule.rule.kind,
        "points_class": rule.rule.points_class,
        "budget_id": rule.rule.budget_id,
        "applies": points is not None,
        "why_not": notes.why_not.get(rule.rule_id),
        "why_not_parts": parts_of(notes.why_not.get(rule.rule_id)),
        "priority": rule.rule.priority,
        "stop": rule.stop,
        "stackable": rule.stackable,
        "groups": list(rule.groups),
        "conditions": conditions_of(rule, basket, facts, own),
        "inputs": _inputs(rule, own, basket, notes),
        "caps": caps_told(rule.rule_id, rule.caps, facts),
        "before_caps": _before_caps(rule, notes),
        "result": sum(points or ()),
        "lines": [
            {"line_id": line_id, "points": of_line}
            for line_id, of_line in zip(names, points or (), strict=False)
            if of_line
        ],
    }
    return told


def _inputs(rule: CompiledRule, own: Sequence[int], basket: Basket, notes: Notes) -> dict[str, object]:
    if rule.multiplies is None:
        return RULES[rule.rule.kind].explain(rule.rule, own, basket)
    return _multiplied(rule, rule.multiplies, notes)


def _multiplied(rule: CompiledRule, does: Multiplication, notes: Notes) -> dict[str, object]:
    worked = notes.worked.get(rule.rule_id)
    points = 0 if worked is None else worked.points
    return {
        "green": rule.green is not None,
        "factor": {"numerator": does.numerator, "denominator": does.denominator},
        "of_rules": None if does.of_rules is None else sorted(does.of_rules),
        "points_worked_on": points,
        "exact": {"numerator": points * does.numerator, "denominator": does.denominator},
        "rounding": does.rounding,
        "change": 0 if worked is None else worked.change,
    }


def _before_caps(rule: CompiledRule, notes: Notes) -> int | None:
    """Its points, rounded, before caps; None where it did not come to that."""
    worked = notes.worked.get(rule.rule_id)
    return notes.before_caps.get(rule.rule_id) if worked is None else max(0, worked.change)


def _award(award: Award, program: CompiledProgram) -> dict[str, object]:
    budget = program.budgets[award.budget_id]
    return {
        "points_class": award.points_class,
        "budget_id": award.budget_id,
        "points": award.points,
        "expected_cost_minor": award_cost(award.points, budget.cost_minor, budget.cost_points),
    }
