"""Rule kind `activity`: a reward for a survey, training, deed or check-in that the pack knows (M39, M40)."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.fields import Identifier, PointsClass
from shared.programs.rules.occasions import OccasionRule


class ActivityRule(OccasionRule):
    """For each of `activities` done with its evidence. What proves one, and how often it counts, the activity says."""

    kind: Literal["activity"] = "activity"
    points_class: PointsClass = "GREEN_ACTION"
    activities: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=500)]
