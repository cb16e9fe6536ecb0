"""What a rule kind has to offer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.earning.domain.facts import EarnFacts
from shared.events.purchase_completed import PurchaseCompleted

RuleFunction = Callable[[PurchaseCompleted, Sequence[int], EarnFacts], Sequence[int]]
"""(receipt, basis per line, facts) → points per line in the receipt's order; empty = the rule gives nothing."""


@dataclass(frozen=True, slots=True)
class RuleKind:
    """`compile` makes a rule's function once per version; `explain` names its inputs, exact value and rounding.

    Both take the kind's own model of shared/programs/rules.py as their first argument.
    """

    compile: Callable[[Any], RuleFunction]
    explain: Callable[[Any, PurchaseCompleted, Sequence[int], EarnFacts], dict[str, object]]
