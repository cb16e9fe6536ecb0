"""What a referral earns each side, and when its order stands no longer (points.md, Refunds; C10)."""

from collections.abc import Iterable
from typing import Protocol

from services.earning.domain.award import Award, AwardLine
from services.earning.domain.program import CompiledProgram
from shared.programs.rules import Side


class BoughtAndReturned(Protocol):
    """A line of a receipt and what came back of it; money in minor units."""

    quantity: int
    net_minor: int
    refunded_quantity: int
    refunded_net_minor: int


def earn_referral(side: Side, program: CompiledProgram) -> Award | None:
    """The one award of a side; None where the program rewards it not."""
    rule = program.referral.get(side)
    if rule is None:
        return None
    line = AwardLine("referral", rule.points, ((rule.rule_id, rule.points),))
    return Award(rule.points_class, rule.budget_id, rule.points, (line,))


def is_fully_refunded(lines: Iterable[BoughtAndReturned]) -> bool:
    """Of every line bought, all pieces came back, or all its money."""
    return all(
        line.refunded_quantity >= line.quantity or line.refunded_net_minor >= line.net_minor
        for line in lines
        if line.quantity > 0
    )
