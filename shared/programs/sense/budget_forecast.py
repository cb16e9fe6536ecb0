"""A budget that traffic like the recorded one would use up before its period ends, and the day on which it would."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from shared.events.reason_codes import ReasonCode
from shared.programs.findings import Finding, finding
from shared.programs.money import amount
from shared.programs.pack import Budget, ProgramPack

_LONGEST = timedelta(days=36_525)


class Demand(NamedTuple):
    """What a back-test found for one budget, in minor units by day, days without traffic included.

    `live` is what the version now in force spends, `draft` what the pack would have spent had no budget ended;
    `spent` is gone already.
    """

    spent: int
    live: Sequence[int]
    draft: Sequence[int]


def run_outs(
    pack: ProgramPack, demands: Mapping[str, Demand], today: date, effective: date, first: date
) -> tuple[Finding, ...]:
    """A warning for each budget that ends early if the recorded days, from `first` on, come again and again.

    Until the pack is `effective` the version now in force goes on spending. All days are business days of the program.
    """
    found = []
    for position, budget in enumerate(pack.budgets):
        demand = demands.get(budget.budget_id)
        if demand is None or not demand.draft:
            continue
        gone = used_up_on(budget, demand, today, effective)
        if gone is not None:
            found.append(_finding(pack, position, budget, demand, gone, first))
    return tuple(found)


def used_up_on(budget: Budget, demand: Demand, today: date, effective: date) -> date | None:
    """The first day whose awards the budget could not all pay; None if its period ends before."""
    left, days = budget.approved_minor - demand.spent, len(demand.draft)
    day = max(today, budget.period.from_)
    end = min(budget.period.to, day + _LONGEST)
    while day < end:
        place = (day - today).days % days
        left -= demand.draft[place] if day >= effective else demand.live[place]
        if left < 0:
            return day
        day += timedelta(days=1)
    return None


def _finding(pack: ProgramPack, position: int, budget: Budget, demand: Demand, gone: date, first: date) -> Finding:
    return finding(
        ReasonCode.BUDGET_TOO_SMALL,
        "warning",
        ("budgets", position, "approved_minor"),
        "budget {name} would be used up on {day}, {early} days before its period ends, if the traffic of {first} to "
        "{last} came again and again: {cost} in these {days} days, of {left} that are left",
        name=budget.budget_id,
        day=gone,
        early=(budget.period.to - gone).days,
        first=first,
        last=first + timedelta(days=len(demand.draft) - 1),
        cost=amount(sum(demand.draft), pack.currency),
        days=len(demand.draft),
        left=amount(budget.approved_minor - demand.spent, pack.currency),
    )
