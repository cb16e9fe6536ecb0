"""Rewards that name a date or an hour (points.md, Redemption)."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.events.fields import Points
from shared.programs.fields import Hours, PackPart, PositiveWhole

ClockTime = Annotated[str, StringConstraints(strict=True, pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]


class Booking(PackPart):
    """`capacity` units for each slot, or for each date where no `slots` are written.

    Free to cancel until `free_until_hours` hours before; whoever does not come loses the points of the claim up to
    `no_show_points`. Slots are the times of day at which they begin.
    """

    capacity: PositiveWhole
    slots: Annotated[tuple[ClockTime, ...], Field(max_length=100)] = ()
    free_until_hours: Hours = 24
    no_show_points: Points = 0

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if len(set(self.slots)) != len(self.slots):
            raise ValueError("slots names a time twice; keep one")
        return self
