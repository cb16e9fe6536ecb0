"""Why a sign-up, birthday or activity earns what it earns, as plain data for JSON; its numbers are those granted."""

from collections.abc import Sequence
from typing import Literal

from services.earning.domain.award import Award
from services.earning.domain.caps import capped, caps_told
from services.earning.domain.compiled_occasion import CompiledOccasion
from services.earning.domain.cost import award_cost
from services.earning.domain.evaluate import failing
from services.earning.domain.explain_conditions import conditions_of_occasion
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.why import parts_of, why

Told = dict[str, object]


def explain_occasion(
    kind: Literal["sign_up", "birthday", "activity"],
    activity_id: str | None,
    facts: EarnFacts,
    program: CompiledProgram,
    awards: Sequence[Award],
) -> Told:
    """Each rule of the kind with its conditions, its caps and why it gives nothing; then the awards, as computed."""
    rules = [one for one in program.occasions if _means(one, kind, activity_id)]
    given = dict(of_rule for award in awards for line in award.lines for of_rule in line.rules)
    return {
        "program_id": program.program_id,
        "version": program.version,
        "facts": facts.to_json(),
        "rules": [_rule(rule, facts, given) for rule in rules],
        "awards": [_award(award, program) for award in awards],
        "points": sum(award.points for award in awards),
    }


def _means(rule: CompiledOccasion, kind: str, activity_id: str | None) -> bool:
    return activity_id in rule.activities if kind == "activity" else rule.rule.kind == kind


def _rule(rule: CompiledOccasion, facts: EarnFacts, given: dict[str, int]) -> Told:
    """Of sign-up and birthday rules the best alone counts; every rule of an activity does."""
    reason = _why_not(rule, facts, given)
    return {
        "rule_id": rule.rule_id,
        "kind": rule.rule.kind,
        "points_class": rule.rule.points_class,
        "budget_id": rule.rule.budget_id,
        "priority": rule.rule.priority,
        "points": rule.rule.points,
        "conditions": conditions_of_occasion(rule.conditions, facts),
        "caps": caps_told(rule.rule_id, rule.caps, facts),
        "applies": rule.rule_id in given,
        "result": given.get(rule.rule_id, 0),
        "why_not": reason,
        "why_not_parts": parts_of(reason),
    }


def _why_not(rule: CompiledOccasion, facts: EarnFacts, given: dict[str, int]) -> str | None:
    if rule.rule_id in given:
        return None
    if facts.listed:
        return why("the member is a listed party")
    refused = failing(rule.conditions.member, facts)
    if facts.day is not None:
        refused = failing(rule.conditions.day, facts.day) or refused
    if refused:
        return refused
    if not capped(rule.rule_id, rule.caps, rule.rule.points, facts):
        return why("its caps leave nothing")
    best = next(iter(given), None)
    if best is None:
        return why("the event was refused as a whole")
    return why("rule {rule} gives as much or more, and one of its kind counts", rule=best)


def _award(award: Award, program: CompiledProgram) -> Told:
    budget = program.budgets[award.budget_id]
    return {
        "points_class": award.points_class,
        "budget_id": award.budget_id,
        "points": award.points,
        "expected_cost_minor": award_cost(award.points, budget.cost_minor, budget.cost_points),
    }
