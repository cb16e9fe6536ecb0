"""A budget line is spent down for as long as it lives, so what was approved for it stays what it was first (C04)."""

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack


def check(pack: ProgramPack, previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    first: dict[str, int] = {}
    for version in sorted(previous, key=lambda one: one.version):
        for budget in version.budgets:
            first.setdefault(budget.budget_id, budget.approved_minor)
    return tuple(
        finding(
            ReasonCode.RULES_CONTRADICT,
            "error",
            ("budgets", place, "approved_minor"),
            "budget {name} was published with {before} approved and keeps that; write what was approved besides as a "
            "budget line of its own, with its approver and document, and let rules draw on it",
            name=budget.budget_id,
            before=first[budget.budget_id],
        )
        for place, budget in enumerate(pack.budgets)
        if first.get(budget.budget_id, budget.approved_minor) != budget.approved_minor
    )
