"""Rule kind `rate`: n points per m minor units (M26: 1 yuan = 1 point)."""

from typing import Literal

from shared.events.fields import Condition
from shared.programs.fields import PositiveMinorUnits, PositivePoints
from shared.programs.rules.rule import PointsRule, Rounding


class RateRule(PointsRule):
    """`points` points per `per_minor` minor units of the lines it counts, rounded once per receipt.

    `condition` narrows it to lines of new or of second-hand goods: the short way to write that one condition.
    """

    kind: Literal["rate"] = "rate"
    points: PositivePoints
    per_minor: PositiveMinorUnits
    rounding: Rounding = "floor"
    condition: Condition | None = None
