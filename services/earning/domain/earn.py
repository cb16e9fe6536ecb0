"""What a receipt earns: a pure function of receipt, refunds so far, facts and program version."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from services.earning.domain.basis import line_bases
from services.earning.domain.basket import Basket, shipping_line_id
from services.earning.domain.evaluate import evaluate
from services.earning.domain.facts import EarnFacts
from services.earning.domain.multiply import Given
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import Returned
from services.earning.domain.why import why
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine


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


def out_of_scope(purchase: PurchaseCompleted, facts: EarnFacts, program: CompiledProgram) -> str | None:
    """Why the whole receipt earns nothing under this program; None if its lines decide."""
    if facts.listed:
        return why("the member is a listed party")
    if purchase.currency != program.currency:
        return why(
            "the receipt is in {currency}, the program in {own}", currency=purchase.currency, own=program.currency
        )
    if program.merchants and purchase.merchant_id not in program.merchants:
        return why("merchant {merchant} does not take part in the program", merchant=purchase.merchant_id)
    return None


def earn(
    purchase: PurchaseCompleted,
    returned: Returned,
    facts: EarnFacts,
    program: CompiledProgram,
    only_rules: AbstractSet[str] | None = None,
) -> tuple[Award, ...]:
    """One award per class and budget that comes to at least one point, in order of evaluation.

    `only_rules` restricts it to these rules. Raises CalendarYearUnpublishedError where a rule asks for the days off
    of a year that nobody has published.
    """
    if out_of_scope(purchase, facts, program) is not None:
        return ()
    if program.plain is None:
        given = evaluate(basket_of(purchase, returned, program), facts, program, only_rules)
        return awards_of(purchase, given)
    bases = line_bases(purchase, returned, program.tax_excluded)
    awards = []
    for group in program.plain:
        of_group = []
        for rule_id, rate in group.rules:
            if only_rules is None or rule_id in only_rules:
                points = rate(purchase, bases)
                if points:
                    of_group.append((rule_id, points))
        if of_group:
            award = _award(purchase.lines, None, group.points_class, group.budget_id, of_group)
            if award.points:
                awards.append(award)
    return tuple(awards)


def basket_of(purchase: PurchaseCompleted, returned: Returned, program: CompiledProgram) -> Basket:
    bases = line_bases(purchase, returned, program.tax_excluded, program.shipping_earns)
    return Basket(purchase, bases, returned)


def awards_of(purchase: PurchaseCompleted, given: Iterable[Given]) -> tuple[Award, ...]:
    """What rules give, by class and budget: in the order of the first rule that draws on it."""
    groups: dict[tuple[PointsClass, str], list[tuple[str, Sequence[int]]]] = {}
    lines = len(purchase.lines)
    shipping = None
    for one in given:
        rule, points = one.rule, one.points
        of_award = groups.get(rule.pays)
        if of_award is None:
            groups[rule.pays] = of_award = []
        of_award.append((rule.rule_id, points))
        if len(points) > lines and shipping is None:
            shipping = shipping_line_id(purchase)
    awards = [_award(purchase.lines, shipping, *pays, of_award) for pays, of_award in groups.items()]
    return tuple([award for award in awards if award.points])


def _award(
    bought: Sequence[PurchaseLine],
    shipping: str | None,
    points_class: PointsClass,
    budget_id: str,
    given: list[tuple[str, Sequence[int]]],
) -> Award:
    """`given`: rule ids with their points per line, the last of them the shipping's if it has a name."""
    if len(given) == 1 and shipping is None:
        rule_id, points = given[0]
        lines = [
            AwardLine(line.line_id, of_line, ((rule_id, of_line),))
            for line, of_line in zip(bought, points, strict=True)
            if of_line
        ]
        return Award(points_class, budget_id, sum(points), tuple(lines))
    names = [line.line_id for line in bought]
    if shipping is not None:
        names.append(shipping)
    rule_ids = [rule_id for rule_id, _ in given]
    lines = []
    total = 0
    # Saying `strict` would be dear here, and each rule gives points by line anyway.
    for line_id, by_rule in zip(names, zip(*[points for _, points in given])):  # noqa: B905
        if of_line := sum(by_rule):
            rules = tuple(zip(rule_ids, by_rule))  # noqa: B905
            if 0 in by_rule:
                rules = tuple([of_rule for of_rule in rules if of_rule[1]])
            lines.append(AwardLine(line_id, of_line, rules))
            total += of_line
    return Award(points_class, budget_id, total, tuple(lines))
