"""Rule kind `rate`: n points per m minor units of the receipt's basis (M26: 1 yuan = 1 point)."""

from collections.abc import Callable, Sequence

from services.earning.domain.basket import Basket
from services.earning.domain.rules.kind import PointsFunction
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.largest_remainder import largest_remainder
from shared.programs.rules import RateRule, Rounding

PlainRate = Callable[[PurchaseCompleted, Sequence[int]], Sequence[int]]
"""(receipt, basis per line) → points per line in the receipt's order; empty = the rule gives nothing."""


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """numerator ÷ denominator as a whole number; both at least 0, the denominator above 0."""
    if rounding == "half_up":
        return (2 * numerator + denominator) // (2 * denominator)
    if rounding == "ceil":
        return -(-numerator // denominator)
    return numerator // denominator


def compile_rate(rule: RateRule) -> PointsFunction:
    """The rule's own sum is rounded once, to be split over the lines by their basis."""
    points, per_minor, rounding = rule.points, rule.per_minor, rule.rounding

    def rate(own: Sequence[int], _basket: Basket) -> tuple[int, Sequence[int]]:
        return rounded(sum(own) * points, per_minor, rounding), own

    def floored(own: Sequence[int], _basket: Basket) -> tuple[int, Sequence[int]]:
        return sum(own) * points // per_minor, own

    return floored if rounding == "floor" else rate


def compile_plain_rate(rule: RateRule) -> PlainRate:
    """The same and its split in one, for programs that have nothing but rates (the shortest way)."""
    points, per_minor, rounding, condition = rule.points, rule.per_minor, rule.rounding, rule.condition

    def rate(_purchase: PurchaseCompleted, bases: Sequence[int]) -> Sequence[int]:
        total = rounded(sum(bases) * points, per_minor, rounding)
        return largest_remainder(total, bases) if total else ()

    def rate_of_condition(purchase: PurchaseCompleted, bases: Sequence[int]) -> Sequence[int]:
        lines = zip(purchase.lines, bases, strict=True)
        return rate(purchase, [basis if line.condition == condition else 0 for line, basis in lines])

    return rate if condition is None else rate_of_condition


def explain_rate(rule: RateRule, own: Sequence[int], _basket: Basket) -> dict[str, object]:
    basis = sum(own)
    narrowed = {} if rule.condition is None else {"condition": rule.condition}
    return {
        **narrowed,
        "points": rule.points,
        "per_minor": rule.per_minor,
        "basis_minor": basis,
        "exact": {"numerator": basis * rule.points, "denominator": rule.per_minor},
        "rounding": rule.rounding,
    }
