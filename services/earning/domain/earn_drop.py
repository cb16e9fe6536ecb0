"""What a recycling drop earns: a pure function of the drop, what of it still counts, and the program version."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from services.earning.domain.award import Award, AwardLine
from services.earning.domain.caps import capped
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, TariffGroup
from services.earning.domain.rejection import amount_of
from services.earning.domain.rules.material import Tariff
from shared.events.reason_codes import ReasonCode
from shared.events.recycling_collected import RecyclingCollected


class RefusedRule(NamedTuple):
    """A rule that means the drop and gives nothing, or not all, for it; `would` is what it would have given."""

    rule_id: str
    code: ReasonCode
    would: int


def line_of(place: int) -> str:
    """Items have no id of their own: their place in the drop, from 1, names them."""
    return str(place + 1)


def earn_drop(
    drop: RecyclingCollected,
    amounts: Sequence[int],
    program: CompiledProgram,
    facts: EarnFacts,
    only_rules: AbstractSet[str] | None = None,
) -> tuple[Award, ...]:
    """One award per class and budget that comes to at least one point; `amounts` (grams or pieces) still count.

    `facts`: what caps left when the drop came. `only_rules` restricts it to the rules that granted originally, for a
    claw-back.
    """
    awards = (_award(drop, amounts, group, facts, only_rules) for group in program.tariffs)
    return tuple(award for award in awards if award.points)


def refused_rules(drop: RecyclingCollected, program: CompiledProgram, facts: EarnFacts) -> tuple[RefusedRule, ...]:
    """Rules that give less than the drop asks for: a factor is missing, or the evidence, or caps leave nothing (C09).

    Where caps leave something, that is given without a word, as for receipts.
    """
    amounts = [amount_of(item) for item in drop.items]
    refused = []
    for group in program.tariffs:
        for tariff in group.tariffs:
            if not any(tariff.covers(item) for item in drop.items):
                continue
            would = tariff.points(drop.items, amounts)
            if _lacks_photo(tariff, drop):
                refused.append(RefusedRule(tariff.rule_id, ReasonCode.EVIDENCE_MISSING, would))
            elif would and not capped(tariff.rule_id, tariff.caps, would, facts):
                refused.append(RefusedRule(tariff.rule_id, ReasonCode.CAP_REACHED, would))
            elif any(item.material in tariff.missing for item in drop.items):
                refused.append(RefusedRule(tariff.rule_id, ReasonCode.FACTOR_MISSING, 0))
    return tuple(refused)


def _lacks_photo(tariff: Tariff, drop: RecyclingCollected) -> bool:
    return tariff.rule.needs_photo and drop.photo_sha256 is None


def _award(
    drop: RecyclingCollected,
    amounts: Sequence[int],
    group: TariffGroup,
    facts: EarnFacts,
    only_rules: AbstractSet[str] | None,
) -> Award:
    per_item: list[list[tuple[str, int]]] = [[] for _ in drop.items]
    for tariff in group.tariffs:
        if (only_rules is None or tariff.rule_id in only_rules) and not _lacks_photo(tariff, drop):
            for rules, points in zip(per_item, tariff.points_per_item(drop.items, amounts, facts), strict=False):
                if points:
                    rules.append((tariff.rule_id, points))
    lines = tuple(
        AwardLine(line_of(place), sum(points for _, points in rules), tuple(rules))
        for place, rules in enumerate(per_item)
        if rules
    )
    return Award(group.points_class, group.budget_id, sum(line.points for line in lines), lines)
