"""Rule kind `material`: points for what a drop brings, by weight, by piece or by CO2e avoided. Exact, no floats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.earning.domain.caps import capped
from services.earning.domain.facts import EarnFacts
from services.earning.domain.rules.rate import rounded
from shared.events.recycling_collected import RecyclingItem
from shared.programs.largest_remainder import largest_remainder
from shared.programs.pack import Factor
from shared.programs.rules import Cap, MaterialRule

_GRAMS_PER_KG = 1000


@dataclass(frozen=True, slots=True)
class Tariff:
    """A material rule with the factors it goes by: what one gram or piece is worth, over a common `denominator`.

    `cited` are those factors. A material the rule names and no factor is known for is in `missing`: it earns nothing
    (FACTOR_MISSING).
    """

    rule: MaterialRule
    worth: Mapping[str, int]
    denominator: int
    missing: frozenset[str]
    cited: tuple[Factor, ...] = ()

    @property
    def rule_id(self) -> str:
        return self.rule.rule_id

    @property
    def caps(self) -> tuple[Cap, ...]:
        return self.rule.caps

    def covers(self, item: RecyclingItem) -> bool:
        """Whether the rule means this item: its material, measured as the rule counts it."""
        return item.material in self.rule.materials and (item.pieces is not None) == (self.rule.per_pieces is not None)

    def shares(self, items: Sequence[RecyclingItem], amounts: Sequence[int]) -> list[int]:
        """What `amounts` (grams or pieces) of each item are worth, in points over the denominator."""
        return [
            amount * self.worth.get(item.material, 0) if self.covers(item) else 0
            for item, amount in zip(items, amounts, strict=True)
        ]

    def points(self, items: Sequence[RecyclingItem], amounts: Sequence[int]) -> int:
        """The rule's own sum, rounded once; its caps come after."""
        return rounded(sum(self.shares(items, amounts)), self.denominator, self.rule.rounding)

    def points_per_item(
        self, items: Sequence[RecyclingItem], amounts: Sequence[int], facts: EarnFacts
    ) -> Sequence[int]:
        """Points of each item: what caps leave of the rule's points, split by what each is worth; () where nothing."""
        total = capped(self.rule_id, self.caps, self.points(items, amounts), facts)
        return largest_remainder(total, self.shares(items, amounts)) if total else ()


def compile_material(rule: MaterialRule, factors: Mapping[str, Factor]) -> Tariff:
    if rule.per_grams_co2e is None:
        per = rule.per_grams or rule.per_pieces or 1
        return Tariff(rule, dict.fromkeys(rule.materials, rule.points), per, frozenset())
    # grams × grams CO2e per kg ÷ 1000 = grams CO2e
    cited = tuple(factors[material] for material in rule.materials if material in factors)
    worth = {factor.material: factor.grams_co2e_per_kg * rule.points for factor in cited}
    missing = frozenset(rule.materials) - factors.keys()
    return Tariff(rule, worth, _GRAMS_PER_KG * rule.per_grams_co2e, missing, cited)
