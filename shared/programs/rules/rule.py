"""What rules say whatever their kind, and what those that compete on a receipt say besides."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.types import StrictInt

from shared.events.fields import Identifier, PointsClass
from shared.programs.fields import Flag, PackPart
from shared.programs.rules.caps import Caps
from shared.programs.rules.conditions import When

Rounding = Literal["floor", "half_up", "ceil"]
Priority = Annotated[StrictInt, Field(ge=-1_000_000, le=1_000_000)]


class Rule(PackPart):
    """Whose money pays for it and of which class its points are."""

    rule_id: Identifier
    kind: str
    enabled: Flag = True
    budget_id: Identifier
    points_class: PointsClass = "CONSUMPTION"


class CappedRule(Rule):
    """One that may be given a most: what rewards something other than a purchase should have one (C09)."""

    caps: Caps = ()


class ReceiptRule(CappedRule):
    """A rule that receipts are judged by, with its place among the others (points.md, Earning).

    Rules are looked at by `priority`, high to low, then by rule id; `stop` ends that after this rule applied. Of one
    `exclusive_group` the best for the member alone counts. Conditions under `when` must hold, each one under `unless`
    must not; a line condition narrows the lines that count.
    """

    priority: Priority = 0
    stop: Flag = False
    exclusive_group: Identifier | None = None
    when: When | None = None
    unless: When | None = None


class PointsRule(ReceiptRule):
    """One that gives points of its own. The best that is not `stackable` competes with the sum of those that are."""

    stackable: Flag = True
