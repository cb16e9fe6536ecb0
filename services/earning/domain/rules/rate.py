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
    points, per_minor, rounding = rule.points, rule.per_minor, rule.rounding

    def rate(_purchase: PurchaseCompleted, bases: Sequence[int], _facts: EarnFacts) -> Sequence[int]:
        total = rounded(sum(bases) * points, per_minor, rounding)
        return largest_remainder(total, bases) if total else ()

    return rate


def explain_rate(
    rule: RateRule, _purchase: PurchaseCompleted, bases: Sequence[int], _facts: EarnFacts
) -> dict[str, object]:
    basis = sum(bases)
    return {
        "points": rule.points,
        "per_minor": rule.per_minor,
        "basis_minor": basis,
        "exact": {"numerator": basis * rule.points, "denominator": rule.per_minor},
        "rounding": rule.rounding,
    }
