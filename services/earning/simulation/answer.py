"""The answer to a back-test as plain data: sums, budgets, rules, days, winners and losers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.earning.simulation.question import Question
from services.earning.simulation.tally import Refusals, Tally
from shared.programs.pack import Budget

if TYPE_CHECKING:
    from services.earning.simulation.course import Course


async def answer(question: Question, course: Course, incomplete: bool) -> Mapping[str, Any]:
    """Money in minor units of the program's currency, days in its time zone, instants in UTC."""
    live, draft = course.live_tally, course.draft_tally
    return {
        "program_id": question.draft.program_id,
        "currency": question.draft.currency,
        "draft_version": question.draft.version,
        "against_versions": [published.pack.version for published in question.against],
        "since": None if question.since is None else question.since.isoformat(),
        "first": _instant(draft, live, "first"),
        "last": _instant(draft, live, "last"),
        "records": course.records,
        "history_incomplete": incomplete,
        "live": _sums(live),
        "draft": _sums(draft),
        "members": await course.members.together(),
        "tiers": await course.members.by_tier(),
        "merchants": await course.members.by_merchant(),
        "rules": [
            {"rule_id": rule_id, "live_points": live.by_rule[rule_id], "draft_points": draft.by_rule[rule_id]}
            for rule_id in sorted(live.by_rule.keys() | draft.by_rule.keys())
        ],
        "budgets": _budgets(question, live, draft),
        "days": _days(live, draft),
    }


def _instant(draft: Tally, live: Tally, name: str) -> str | None:
    """Of the first or last event that gave, took or refused something in either world."""
    found = [at for at in (getattr(draft, name), getattr(live, name)) if at is not None]
    if not found:
        return None
    return str((min(found) if name == "first" else max(found)).isoformat())


def _sums(tally: Tally) -> dict[str, object]:
    return {
        "granted": tally.granted,
        "clawed_back": tally.clawed_back,
        "cost_minor": sum(tally.cost().values()),
        "declined": dict(sorted(tally.declined.items())),
        "dead_letters": dict(sorted(tally.dead_letters.items())),
    }


def _budgets(question: Question, live: Tally, draft: Tally) -> list[dict[str, object]]:
    """The draft's, and those that only the other world drew on."""
    timeless = question.budgets_given_time()
    budgets = {budget.budget_id: budget for published in question.against for budget in published.pack.budgets}
    budgets |= {budget.budget_id: budget for budget in question.draft.budgets}
    used = {budget.budget_id for budget in question.draft.budgets} | live.cost().keys() | draft.cost().keys()
    return [
        _budget(budgets[budget_id], budget_id in timeless, live, draft)
        for budget_id in sorted(used)
        if budget_id in budgets
    ]


def _budget(budget: Budget, timeless: bool, live: Tally, draft: Tally) -> dict[str, object]:
    name = budget.budget_id
    refusals = draft.refusals.get(name, Refusals())
    before, cost = draft.cost_before[name], draft.cost()[name]
    return {
        "budget_id": name,
        "approved_minor": budget.approved_minor,
        "from": budget.period.from_.isoformat(),
        "to": budget.period.to.isoformat(),
        "period_judged": not timeless,
        "spent_before_minor": before,
        "live_cost_minor": live.cost()[name],
        "draft_cost_minor": cost,
        "left_minor": budget.approved_minor - before - cost,
        "refused_awards": refusals.awards,
        "refused_cost_minor": refusals.cost_minor,
        "first_refused_at": None if refusals.first_at is None else refusals.first_at.isoformat(),
    }


def _days(live: Tally, draft: Tally) -> list[dict[str, object]]:
    """Day and budget: what each world spent, and what the draft would have spent if no budget had an end."""
    keys = sorted(live.cost_by_day.keys() | draft.demand_by_day.keys(), key=lambda key: (key[1], key[0]))
    return [
        {
            "day": day.isoformat(),
            "budget_id": budget_id,
            "live_cost_minor": live.cost_by_day[budget_id, day],
            "draft_cost_minor": draft.cost_by_day[budget_id, day],
            "draft_demand_minor": draft.demand_by_day[budget_id, day],
        }
        for budget_id, day in keys
    ]
