"""What a receipt earns: a pure function of receipt, refunds so far, facts and program version."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from services.earning.domain.award import Award, AwardLine
from services.earning.domain.basis import line_bases
from services.earning.domain.basket import Basket, shipping_line_id
from services.earning.domain.evaluate import evaluate
from services.earning.domain.facts import EarnFacts
from services.earning.domain.multiply import Given
from services.earning.domain.program import CompiledProgram, PlainGroup
from services.earning.domain.returned import Returned
from services.earning.domain.why import why
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine


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
    return _of_plain_rates(purchase, bases, program.plain, only_rules)


def _of_plain_rates(
    purchase: PurchaseCompleted,
    bases: Sequence[int],
    groups: Sequence[PlainGroup],
    only_rules: AbstractSet[str] | None,
) -> tuple[Award, ...]:
    """Groups are in the order of the first rule that may give, awards in that of the first that did."""
    awards: dict[int, Award] = {}  # by the place of that rule
    for group in groups:
        first = 0
        of_group: list[tuple[str, Sequence[int]]] = []
        for place, rule_id, rate in group.rules:
            if only_rules is None or rule_id in only_rules:
                points = rate(purchase, bases)
                if points:
                    first = first if of_group else place
                    of_group.append((rule_id, points))
        if of_group:
            award = _award(purchase.lines, None, group.points_class, group.budget_id, of_group)
            if award.points:
                awards[first] = award
    if len(awards) > 1:
        return tuple(awards[first] for first in sorted(awards))
    return tuple(awards.values())


def basket_of(purchase: PurchaseCompleted, returned: Returned, program: CompiledProgram) -> Basket:
    bases = line_bases(purchase, returned, program.tax_excluded, program.shipping_earns)
    return Basket(purchase, bases, returned)


def awards_of(purchase: PurchaseCompleted, given: Sequence[Given]) -> tuple[Award, ...]:
    """What rules give, by class and budget: in the order of the first rule that draws on it."""
    groups: dict[tuple[PointsClass, str], list[tuple[str, Sequence[int]]]] = {}
    for one in given:
        rule = one.rule
        of_award = groups.get(rule.pays)
        if of_award is None:
            groups[rule.pays] = [(rule.rule_id, one.points)]
        else:
            of_award.append((rule.rule_id, one.points))
    with_shipping = bool(given) and len(given[0].points) > len(purchase.lines)
    shipping = shipping_line_id(purchase) if with_shipping else None
    awards = []
    for pays, of_award in groups.items():
        award = _award(purchase.lines, shipping, *pays, of_award)
        if award.points:
            awards.append(award)
    return tuple(awards)


def _award(
    bought: Sequence[PurchaseLine],
    shipping: str | None,
    points_class: PointsClass,
    budget_id: str,
    given: list[tuple[str, Sequence[int]]],
) -> Award:
    """`given`: rule ids with their points per line, the last of them the shipping's if it has a name."""
    lines: list[AwardLine] = []
    # Each rule gives points by line; to have `zip` make sure of it (`strict`) would be dear here.
    if len(given) == 1 and shipping is None:
        rule_id, points = given[0]
        for line, of_line in zip(bought, points):  # noqa: B905
            if of_line:
                lines.append(AwardLine(line.line_id, of_line, ((rule_id, of_line),)))
        return Award(points_class, budget_id, sum(points), tuple(lines))
    first, points = given[0]
    totals = list(points)
    by_line: list[tuple[tuple[str, int], ...]] = [((first, of_line),) if of_line else () for of_line in points]
    for rule_id, points in given[1:]:
        for place, of_line in enumerate(points):
            if of_line:
                by_line[place] += ((rule_id, of_line),)
                totals[place] += of_line
    for line, of_line, rules in zip(bought, totals, by_line):  # noqa: B905
        if rules:
            lines.append(AwardLine(line.line_id, of_line, rules))
    if shipping is not None and by_line[-1]:
        lines.append(AwardLine(shipping, totals[-1], by_line[-1]))
    return Award(points_class, budget_id, sum(totals), tuple(lines))
