"""What a pack may write for each rule kind. What a kind means is in services/earning/domain/rules/<kind>.py.

A new kind is a class here, its name in RULE_KINDS and AnyRule, and one file with its calculation there.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from shared.events.fields import Identifier, PointsClass
from shared.programs.fields import Flag, PackPart, PositiveMinorUnits, PositivePoints

Rounding = Literal["floor", "half_up", "ceil"]


class Rule(PackPart):
    """What every rule says, whatever its kind: whose money pays for it and of which class its points are."""

    rule_id: Identifier
    enabled: Flag = True
    budget_id: Identifier
    points_class: PointsClass = "CONSUMPTION"


class RateRule(Rule):
    """`points` points per `per_minor` minor units of the receipt's basis, rounded once per receipt (M26)."""

    kind: Literal["rate"] = "rate"
    points: PositivePoints
    per_minor: PositiveMinorUnits
    rounding: Rounding = "floor"


RULE_KINDS: Mapping[str, type[Rule]] = {
    "rate": RateRule,
}


def _of_a_known_kind(rule: Any) -> Any:
    if isinstance(rule, Mapping) and str(rule.get("kind")) not in RULE_KINDS:
        built = ", ".join(RULE_KINDS)
        if "kind" not in rule:
            raise ValueError(f"a rule must say its kind; built so far: {built}")
        raise ValueError(f"rule kind {rule['kind']!r} is not built yet; built so far: {built}")
    return rule


AnyRule = Annotated[RateRule, BeforeValidator(_of_a_known_kind)]
