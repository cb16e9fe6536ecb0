"""What a rule kind has to offer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.earning.domain.basket import Basket

PointsFunction = Callable[[Sequence[int], Basket], tuple[int, Sequence[int]]]
"""(basis of the lines the rule counts, 0 elsewhere; basket) → the rule's points, rounded, and how to split them."""


@dataclass(frozen=True, slots=True)
class RuleKind:
    """`compile` makes a rule's function once per version; `explain` names its inputs, exact value and rounding.

    Both take the kind's own model of shared/programs/rules as their first argument.
    """

    compile: Callable[[Any], PointsFunction]
    explain: Callable[[Any, Sequence[int], Basket], dict[str, object]]
