"""Paying part of a bill with points: any day, or on an offset day (积分抵扣日, M17)."""

from typing import Self

from pydantic import model_validator

from shared.events.fields import Identifier, Points
from shared.programs.days import DayPattern
from shared.programs.fields import Flag, PackPart, Percent, PositiveMinorUnits, PositivePoints
from shared.programs.lines import Lines
from shared.programs.texts import Name


class PointPayment(PackPart):
    """`points` points pay `minor` minor units, in steps of `step_points` (default: the points of the rate).

    At most `share_cap` of the bill, at least `minimum_points`. `whole_bill: false` forbids a bill paid wholly so.
    """

    points: PositivePoints
    minor: PositiveMinorUnits
    step_points: PositivePoints | None = None
    minimum_points: Points = 0
    share_cap: Percent = "100%"
    whole_bill: Flag = True
    lines: Lines | None = None

    @property
    def step(self) -> int:
        """The number of points in one step."""
        return self.step_points or self.points

    @model_validator(mode="after")
    def _steps_pay_whole_units(self) -> Self:
        if self.step * self.minor % self.points:
            raise ValueError(f"a step of {self.step} points would pay a broken minor unit; choose another step_points")
        return self


class OffsetDay(PointPayment):
    """The same on certain days only, perhaps at another rate or for other lines."""

    offset_day_id: Identifier
    name: Name
    days: DayPattern
