"""What a refund takes back of a receipt's grants (points.md, Refunds).

Per grant: max(0, granted − already clawed back − earn(what remains, the stored facts, the original version)), over
the rules that granted originally. So a refund never earns, and repeating one takes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.earning.domain.cost import cost_given_back
from services.earning.domain.earn import Award, earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.largest_remainder import largest_remainder
from services.earning.domain.program import CompiledProgram
from services.earning.domain.returned import Returned
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseCompleted


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
    return claw_back_to(grants, earn(purchase, returned, facts, program, granting_rules(grants)))


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
    parts = largest_remainder(points, surplus)
    return ClawBack(
        grant_id=grant.grant_id,
        points=points,
        cost_minor=cost_given_back(grant.cost_minor, grant.points, grant.clawed_back, points),
        lines=tuple(ClawBackLine(line.line_id, part) for line, part in zip(grant.lines, parts, strict=True) if part),
    )
