"""What a referral earns each side, and when its order stands no longer (points.md, Refunds; C10)."""

from collections.abc import Iterable
from typing import Protocol

from services.earning.domain.award import Award, AwardLine
from services.earning.domain.caps import capped
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.program import CompiledProgram
from shared.programs.rules import ReferralRule, Side


class BoughtAndReturned(Protocol):
    """A line of a receipt and what came back of it; money in minor units."""

    quantity: int
    net_minor: int
    refunded_quantity: int
    refunded_net_minor: int


def earn_referral(side: Side, program: CompiledProgram, facts: EarnFacts = UNLISTED) -> Award | None:
    """The one award of a side, the best after its caps (C09); None where the program rewards it not, or no longer.

    `facts`: what caps leave the inviter. Rules come in order of points, then id, so of equals the first counts.
    """
    best: tuple[ReferralRule, int] | None = None
    for rule in program.referral.get(side, ()):
        points = capped(rule.rule_id, rule.caps, rule.points, facts)
        if points > (0 if best is None else best[1]):
            best = rule, points
    if best is None:
        return None
    rule, points = best
    line = AwardLine("referral", points, ((rule.rule_id, points),))
    return Award(rule.points_class, rule.budget_id, points, (line,))


def is_fully_refunded(lines: Iterable[BoughtAndReturned]) -> bool:
    """Of every line bought, all pieces came back, or all its money."""
    return all(
        line.refunded_quantity >= line.quantity or line.refunded_net_minor >= line.net_minor
        for line in lines
        if line.quantity > 0
    )
