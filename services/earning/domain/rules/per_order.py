"""Rule kinds `per_order` and `first_order`: a fixed bonus, spread over the lines it counts by their basis."""

from collections.abc import Sequence

from services.earning.domain.basket import Basket
from services.earning.domain.rules.kind import PointsFunction
from shared.programs.rules import FirstOrderRule, PerOrderRule


def compile_per_order(rule: PerOrderRule | FirstOrderRule) -> PointsFunction:
    """Nothing is given for a receipt of which no counted line earns, so that refunding all of it leaves nothing."""
    points = rule.points

    def per_order(own: Sequence[int], basket: Basket) -> tuple[int, Sequence[int]]:
        stands = basket.stands(own) if basket.returned.lines else any(own)
        return (points if stands else 0), own

    return per_order


def explain_per_order(rule: PerOrderRule | FirstOrderRule, own: Sequence[int], _basket: Basket) -> dict[str, object]:
    return {"points": rule.points, "basis_minor": sum(own)}
