"""What a refund takes back of a receipt's grants (points.md, Refunds).

Per grant: max(0, granted − already clawed back − earn(what remains, the stored facts, the original version)), over
the rules that granted originally. So a refund never earns, and repeating one takes nothing. A program may say
`proportional` instead: then nothing is judged again, and each grant goes with the money that goes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.earning.domain.award import Award
from services.earning.domain.cost import cost_given_back
from services.earning.domain.earn import awards_of, basket_of, earn, out_of_scope
from services.earning.domain.evaluate import evaluate
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import NOTHING_RETURNED, Returned
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.largest_remainder import largest_remainder


@dataclass(frozen=True, slots=True)
class GrantedLine:
    """What a receipt line was granted, by which rules, and what of it was clawed back since."""

    line_id: str
    points: int
    clawed_back: int
    rule_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant of this receipt as the books have it; `cost_minor` is its expected cost at issue."""

    grant_id: str | UUID
    points_class: PointsClass
    budget_id: str
    cost_minor: int
    lines: tuple[GrantedLine, ...]

    @property
    def points(self) -> int:
        return sum(line.points for line in self.lines)

    @property
    def clawed_back(self) -> int:
        return sum(line.clawed_back for line in self.lines)


@dataclass(frozen=True, slots=True)
class ClawBackLine:
    line_id: str
    points: int


@dataclass(frozen=True, slots=True)
class ClawBack:
    """Points to take back of one grant, their lines (which sum to them) and the cost its budget gets back."""

    grant_id: str | UUID
    points: int
    cost_minor: int
    lines: tuple[ClawBackLine, ...]


def claw_back(
    purchase: PurchaseCompleted,
    returned: Returned,
    facts: EarnFacts,
    program: CompiledProgram,
    grants: Sequence[Granted],
) -> tuple[ClawBack, ...]:
    """What to take back of each of the receipt's grants now that `returned` has come back in all.

    `facts` and `program` are those of the original decision. Grants that lose nothing are left out. Raises
    ValueError if two grants have the same class and budget: a receipt makes one grant of each.
    """
    if len({(grant.points_class, grant.budget_id) for grant in grants}) != len(grants):
        raise ValueError(f"receipt {purchase.receipt_id} has two grants of the same class and budget")
    if program.proportional:
        return claw_back_in_proportion(purchase, returned, grants)
    return claw_back_to(grants, remaining_awards(purchase, returned, facts, program, grants))


def remaining_awards(
    purchase: PurchaseCompleted,
    returned: Returned,
    facts: EarnFacts,
    program: CompiledProgram,
    grants: Sequence[Granted],
) -> tuple[Award, ...]:
    """What the rules that granted originally would grant for what remains of the receipt.

    A multiplier works on rates, so these count even where their own award was refused for its budget; and a factor
    below 1 granted nothing by itself, and still makes less of them. With the `cap_uses` of this, what a counter gets
    back is known.
    """
    payers = granting_rules(grants)
    if not any(rule.multiplies for rule in program.rules):
        return earn(purchase, returned, facts, program, payers)
    if out_of_scope(purchase, facts, program) is not None:
        return ()
    judged = rules_judged_again(purchase, facts, program, grants)
    left = evaluate(basket_of(purchase, returned, program), facts, program, judged)
    return awards_of(purchase, [given for given in left if given.rule.rule_id in payers])


def rules_judged_again(
    purchase: PurchaseCompleted, facts: EarnFacts, program: CompiledProgram, grants: Sequence[Granted]
) -> frozenset[str]:
    """The rules that counted when the receipt was decided, whether or not their budget paid; no others ever will."""
    decided = evaluate(basket_of(purchase, NOTHING_RETURNED, program), facts, program)
    return granting_rules(grants) | {given.rule.rule_id for given in decided}


def claw_back_in_proportion(
    purchase: PurchaseCompleted, returned: Returned, grants: Sequence[Granted]
) -> tuple[ClawBack, ...]:
    """Of each grant its points × refunded net ÷ original net, cumulative, floored; the last refund takes the rest."""
    bought = sum(line.net_minor for line in purchase.lines)
    everything = returned.is_all_of(purchase)
    taken = []
    for grant in grants:
        due = grant.points if everything else grant.points * min(returned.net_minor(), bought) // max(bought, 1)
        if due > grant.clawed_back:
            left = [line.points - line.clawed_back for line in grant.lines]
            taken.append(_taking(grant, due - grant.clawed_back, left))
    return tuple(taken)


def granting_rules(grants: Sequence[Granted]) -> frozenset[str]:
    return frozenset(rule_id for grant in grants for line in grant.lines for rule_id in line.rule_ids)


def claw_back_to(grants: Sequence[Granted], remaining: Sequence[Award]) -> tuple[ClawBack, ...]:
    """What to take back so that each grant comes down to what the `remaining` award of its class and budget says."""
    awards = {(award.points_class, award.budget_id): award for award in remaining}
    taken = (_take(grant, awards.get((grant.points_class, grant.budget_id))) for grant in grants)
    return tuple(taking for taking in taken if taking is not None)


def _take(grant: Granted, remaining: Award | None) -> ClawBack | None:
    points = grant.points - grant.clawed_back - (remaining.points if remaining is not None else 0)
    if points <= 0:
        return None
    stays = {line.line_id: line.points for line in remaining.lines} if remaining is not None else {}
    # Rounding may leave a line with a point more than it was granted; the other lines then give less.
    surplus = [max(0, line.points - line.clawed_back - stays.get(line.line_id, 0)) for line in grant.lines]
    return _taking(grant, points, surplus)


def _taking(grant: Granted, points: int, weights: Sequence[int]) -> ClawBack:
    """`points` of the grant, by line in proportion to `weights`."""
    parts = largest_remainder(points, weights)
    return ClawBack(
        grant_id=grant.grant_id,
        points=points,
        cost_minor=cost_given_back(grant.cost_minor, grant.points, grant.clawed_back, points),
        lines=tuple(ClawBackLine(line.line_id, part) for line, part in zip(grant.lines, parts, strict=True) if part),
    )
