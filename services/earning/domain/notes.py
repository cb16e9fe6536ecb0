"""What evaluating a receipt writes down for its explanation, by rule id."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Worked(NamedTuple):
    """A multiplier found `points` to work on; after rounding and before caps it would change them by `change`."""

    points: int
    change: int


@dataclass(slots=True)
class Notes:
    """`why_not`: why a rule gives nothing. `before_caps`: its points, rounded. `worked`: what a multiplier did."""

    why_not: dict[str, str] = field(default_factory=dict)
    before_caps: dict[str, int] = field(default_factory=dict)
    worked: dict[str, Worked] = field(default_factory=dict)
