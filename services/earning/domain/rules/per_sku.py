"""Rule kind `per_sku`: a fixed bonus once per line of certain goods, or for each unit of it."""

from collections.abc import Sequence

from services.earning.domain.basket import Basket
from services.earning.domain.rules.kind import PointsFunction
from shared.programs.rules import PerSkuRule


def compile_per_sku(rule: PerSkuRule) -> PointsFunction:
    """A line that earns nothing (given away, or paid with points) brings no bonus; nor does one that came back."""

    points = rule.points

    def per_sku(own: Sequence[int], basket: Basket) -> tuple[int, Sequence[int]]:
        due = counts(rule, own, basket)
        return points * sum(due), due

    return per_sku


def counts(rule: PerSkuRule, own: Sequence[int], basket: Basket) -> Sequence[int]:
    """How often the bonus is due on each line."""
    pieces = zip(basket.pieces(), own, strict=True)
    if rule.per == "unit":
        return [of_line if basis else 0 for of_line, basis in pieces]
    return [1 if basis and of_line > 0 else 0 for of_line, basis in pieces]


def explain_per_sku(rule: PerSkuRule, own: Sequence[int], basket: Basket) -> dict[str, object]:
    return {"points": rule.points, "per": rule.per, "times": sum(counts(rule, own, basket))}
