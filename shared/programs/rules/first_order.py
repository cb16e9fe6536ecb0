"""Rule kind `first_order`: a bonus on the first receipt of a member that earns."""

from typing import Literal

from shared.programs.fields import PositivePoints
from shared.programs.rules.rule import PointsRule


class FirstOrderRule(PointsRule):
    """`points` points on the member's first order. Of several that apply the best alone counts."""

    kind: Literal["first_order"] = "first_order"
    points: PositivePoints
