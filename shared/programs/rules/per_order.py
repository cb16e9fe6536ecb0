"""Rule kind `per_order`: a fixed bonus once per receipt."""

from typing import Literal

from shared.programs.fields import PositivePoints
from shared.programs.rules.rule import PointsRule


class PerOrderRule(PointsRule):
    """`points` points for a receipt, however much it is, as long as a line it counts earns at all (C02, C03)."""

    kind: Literal["per_order"] = "per_order"
    points: PositivePoints
