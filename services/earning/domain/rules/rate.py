"""Rule kind `rate`: n points per m minor units of the receipt's basis (M26: 1 yuan = 1 point)."""

from collections.abc import Sequence

from services.earning.domain.facts import EarnFacts
from services.earning.domain.largest_remainder import largest_remainder
from services.earning.domain.rules.kind import RuleFunction
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.rules import RateRule, Rounding


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """numerator ÷ denominator as a whole number; both at least 0, the denominator above 0."""
    if rounding == "half_up":
        return (2 * numerator + denominator) // (2 * denominator)
    if rounding == "ceil":
        return -(-numerator // denominator)
    return numerator // denominator


def compile_rate(rule: RateRule) -> RuleFunction:
    """The rule's own sum is rounded once, then split over the lines by their basis."""
    points, per_minor, rounding, condition = rule.points, rule.per_minor, rule.rounding, rule.condition

    def rate(_purchase: PurchaseCompleted, bases: Sequence[int], _facts: EarnFacts) -> Sequence[int]:
        total = rounded(sum(bases) * points, per_minor, rounding)
        return largest_remainder(total, bases) if total else ()

    def rate_of_condition(purchase: PurchaseCompleted, bases: Sequence[int], facts: EarnFacts) -> Sequence[int]:
        return rate(purchase, _counted(rule, purchase, bases), facts)

    return rate if condition is None else rate_of_condition


def _counted(rule: RateRule, purchase: PurchaseCompleted, bases: Sequence[int]) -> Sequence[int]:
    """The basis of each line the rule counts, 0 for the others."""
    if rule.condition is None:
        return bases
    lines = zip(purchase.lines, bases, strict=True)
    return [basis if line.condition == rule.condition else 0 for line, basis in lines]


def explain_rate(
    rule: RateRule, purchase: PurchaseCompleted, bases: Sequence[int], _facts: EarnFacts
) -> dict[str, object]:
    basis = sum(_counted(rule, purchase, bases))
    narrowed = {} if rule.condition is None else {"condition": rule.condition}
    return {
        **narrowed,
        "points": rule.points,
        "per_minor": rule.per_minor,
        "basis_minor": basis,
        "exact": {"numerator": basis * rule.points, "denominator": rule.per_minor},
        "rounding": rule.rounding,
    }
