"""From a back-test's answer to the day on which each budget would be used up."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.operator.simulate.sheets import Row
from shared.programs.expiry import business_day
from shared.programs.findings import Finding
from shared.programs.pack import ProgramPack
from shared.programs.sense.budget_forecast import Demand, run_outs


def findings_of(pack: ProgramPack, answer: Row, at: datetime) -> tuple[Finding, ...]:
    """What `program check` adds where traffic is named; `at`: when the pack would be published."""
    if answer["first"] is None:
        return ()
    zone = ZoneInfo(pack.time_zone)
    begin = business_day(datetime.fromisoformat(answer["since"] or answer["first"]), zone)
    days = _days(begin, business_day(datetime.fromisoformat(answer["last"]), zone), answer)
    demands = {budget["budget_id"]: _demand(budget, days, answer) for budget in answer["budgets"]}
    return run_outs(pack, demands, business_day(at, zone), business_day(pack.effective_at, zone), begin)


def _days(begin: date, end: date, answer: Row) -> Sequence[date]:
    """Of the traffic that was asked for, those at its end without any event included as far as they are known."""
    last = max((date.fromisoformat(row["day"]) for row in answer["days"]), default=end)
    return [begin + timedelta(days=place) for place in range((max(end, last) - begin).days + 1)]


def _demand(budget: Row, days: Sequence[date], answer: Row) -> Demand:
    """A file of events says nothing of what the budget really spent; what Kafka holds does."""
    of_budget = {
        date.fromisoformat(row["day"]): row for row in answer["days"] if row["budget_id"] == budget["budget_id"]
    }
    spent = 0 if answer["since"] is None else budget["spent_before_minor"] + budget["live_cost_minor"]
    return Demand(
        spent,
        [of_budget[day]["live_cost_minor"] if day in of_budget else 0 for day in days],
        [of_budget[day]["draft_demand_minor"] if day in of_budget else 0 for day in days],
    )
