"""Why a drop earns what it earns, as plain data for JSON. Its numbers are those `earn_drop` grants."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from services.earning.domain.caps import caps_told
from services.earning.domain.cost import award_cost
from services.earning.domain.earn_drop import earn_drop, line_of, refused_rules
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.rejection import amount_of
from services.earning.domain.rules.material import Tariff
from shared.events.recycling_collected import RecyclingCollected


def explain_drop(
    drop: RecyclingCollected,
    amounts: Sequence[int],
    program: CompiledProgram,
    facts: EarnFacts,
    only_rules: AbstractSet[str] | None = None,
) -> dict[str, object]:
    """Item by item what counts (`amounts`, grams or pieces), each tariff's exact value, what was refused, awards."""
    awards = earn_drop(drop, amounts, program, facts, only_rules)
    given = Counter[str]()
    for award in awards:
        for line in award.lines:
            given.update(dict(line.rules))
    return {
        "program_id": program.program_id,
        "version": program.version,
        "items": [
            {
                "line_id": line_of(place),
                "material": item.material,
                "measure": "grams" if item.grams is not None else "pieces",
                "brought": amount_of(item),
                "counts": amount,
            }
            for place, (item, amount) in enumerate(zip(drop.items, amounts, strict=True))
        ],
        "rules": [
            _tariff(drop, amounts, tariff, facts, given) for group in program.tariffs for tariff in group.tariffs
        ],
        "refused": [
            {"rule_id": rule.rule_id, "code": rule.code.value, "would_have_earned": rule.would}
            for rule in refused_rules(drop, program, facts)
        ],
        "awards": [
            {
                "points_class": award.points_class,
                "budget_id": award.budget_id,
                "points": award.points,
                "expected_cost_minor": award_cost(
                    award.points,
                    program.budgets[award.budget_id].cost_minor,
                    program.budgets[award.budget_id].cost_points,
                ),
                "lines": [{"line_id": line.line_id, "points": line.points} for line in award.lines],
            }
            for award in awards
        ],
        "points": sum(award.points for award in awards),
    }


def _tariff(
    drop: RecyclingCollected, amounts: Sequence[int], tariff: Tariff, facts: EarnFacts, given: Mapping[str, int]
) -> dict[str, object]:
    rule, materials = tariff.rule, {item.material for item in drop.items}
    return {
        "rule_id": rule.rule_id,
        "points": rule.points,
        "per_grams": rule.per_grams,
        "per_pieces": rule.per_pieces,
        "per_grams_co2e": rule.per_grams_co2e,
        "factors": [
            {
                "material": factor.material,
                "grams_co2e_per_kg": factor.grams_co2e_per_kg,
                "source": factor.source,
                "version": factor.version,
                "region": factor.region,
            }
            for factor in tariff.cited
            if factor.material in materials
        ],
        "exact": {
            "numerator": sum(tariff.shares(drop.items, amounts)),
            "denominator": tariff.denominator,
        },
        "rounding": rule.rounding,
        "covers": any(tariff.covers(item) for item in drop.items),
        "result": tariff.points(drop.items, amounts),
        "caps": caps_told(tariff.rule_id, tariff.caps, facts),
        "granted": given.get(rule.rule_id, 0),
    }
