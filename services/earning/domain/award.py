"""What an event earns, as rules and budgets divide it."""

import msgspec

from shared.events.fields import PointsClass


class AwardLine(msgspec.Struct, frozen=True, gc=False):
    """What one line earned, and by which rules; only lines and rules that gave something."""

    line_id: str
    points: int
    rules: tuple[tuple[str, int], ...]


class Award(msgspec.Struct, frozen=True, gc=False):
    """Points of one class from one budget. Its lines sum to its points."""

    points_class: PointsClass
    budget_id: str
    points: int
    lines: tuple[AwardLine, ...]
