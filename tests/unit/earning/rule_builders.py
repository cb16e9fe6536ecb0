"""Rules written as a pack writes them, and what a receipt earns by them, for the tests of the engine."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from services.earning.domain.claw_back import Granted, claw_back
from services.earning.domain.earn import earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.domain.returned import NOTHING_RETURNED, Returned
from shared.calendar.chinese import SHIPPED
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.rules import AnyRule
from tests.unit.earning.builders import after, granted, pack

_RULE: TypeAdapter[Any] = TypeAdapter(AnyRule)
SATURDAY = date(2026, 5, 9)


def rule(rule_id: str, kind: str = "rate", **fields: Any) -> Any:
    """A rate of 1 point per yuan out of the marketing budget, unless said otherwise."""
    given = {"points": 1, "per_minor": 100} if kind == "rate" else {}
    return _RULE.validate_python({"rule_id": rule_id, "kind": kind, "budget_id": "marketing", **given, **fields})


def judged_by(*rules: Any, **changes: Any) -> CompiledProgram:
    return compile_program(pack(*rules, **changes))


def facts_on(day: date = SATURDAY, minute: int = 12 * 60, **facts: Any) -> EarnFacts:
    """Facts of an event on that calendar date of the program's zone."""
    return EarnFacts(day=SHIPPED.day(day), calendar=SHIPPED.version, minute=minute, **facts)


def by_rule(
    receipt: PurchaseCompleted,
    program: CompiledProgram,
    facts: EarnFacts | None = None,
    returned: Returned = NOTHING_RETURNED,
) -> dict[str, int]:
    """Rule id → points, of the rules that give some."""
    points: dict[str, int] = {}
    for award in earn(receipt, returned, facts or facts_on(), program):
        for line in award.lines:
            for rule_id, of_rule in line.rules:
                points[rule_id] = points.get(rule_id, 0) + of_rule
    return points


def refund_one_by_one(
    receipt: PurchaseCompleted,
    program: CompiledProgram,
    facts: EarnFacts,
    refunds: Sequence[Sequence[tuple[str, int, int]]],
) -> tuple[list[Granted], list[int]]:
    """The grants after these refunds of (line, quantity, net), and what each of them took."""
    grants = granted(earn(receipt, NOTHING_RETURNED, facts, program), program)
    returned, took = NOTHING_RETURNED, []
    for pieces in refunds:
        returned = returned.plus(pieces)
        taken = claw_back(receipt, returned, facts, program, grants)
        took.append(sum(claw.points for claw in taken))
        grants = after(grants, taken)
        assert claw_back(receipt, returned, facts, program, grants) == (), "a repeat takes something"
    return grants, took
