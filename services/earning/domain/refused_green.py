"""What green multipliers would have given for lines that claim to be green and are not (C12): base points are kept."""

from collections.abc import Sequence
from typing import NamedTuple

from services.earning.domain.award import Award
from services.earning.domain.earn import basket_of, earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import NOTHING_RETURNED
from shared.events.purchase_completed import PurchaseCompleted


class RefusedGreen(NamedTuple):
    """Lines whose claim does not hold, and the points that a good certificate would have added."""

    line_ids: tuple[str, ...]
    would: int


NOTHING_REFUSED = RefusedGreen((), 0)


def refused_green(
    purchase: PurchaseCompleted, facts: EarnFacts, program: CompiledProgram, awards: Sequence[Award]
) -> RefusedGreen:
    """`awards`: what the receipt earns. Nothing is refused where the claim would not have given more."""
    claimed = program.as_claimed
    if claimed is None:
        return NOTHING_REFUSED
    as_claimed = earn(purchase, NOTHING_RETURNED, facts, claimed)
    would = sum(award.points for award in as_claimed) - sum(award.points for award in awards)
    if would <= 0 or facts.day is None:
        return NOTHING_REFUSED
    basket, day = basket_of(purchase, NOTHING_RETURNED, program), facts.day.day
    lines: dict[str, None] = {}
    for good, trusted in zip(program.rules, claimed.rules, strict=True):
        if good.green is not None and trusted.green is not None:
            own = basket.bases if good.counted is None else good.counted(basket)
            green, wished = good.green(basket, own, day), trusted.green(basket, own, day)
            for line, is_green, was_wished in zip(purchase.lines, green, wished, strict=False):
                if was_wished and not is_green:
                    lines[line.line_id] = None
    return RefusedGreen(tuple(lines), would)
