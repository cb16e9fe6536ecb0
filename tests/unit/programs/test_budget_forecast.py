"""When a budget would be used up: to the day, exactly at its edge, and never a guess beyond its period."""

from datetime import date, timedelta

import pytest

from shared.programs.sense.budget_forecast import Demand, run_outs, used_up_on
from tests.unit.programs.packs import pack

TODAY = date(2026, 11, 22)
BEGIN = date(2026, 10, 23)


def budget(approved: int, end: str = "2027-01-01") -> dict[str, object]:
    return {
        "budget_id": "marketing",
        "source": "marketing_expense",
        "approver": "Head of Marketing",
        "document": "MKT-1",
        "period": {"from": "2026-01-01", "to": end},
        "approved_minor": approved,
        "cost_per_point": {"minor": 5, "points": 1},
    }


@pytest.mark.parametrize(
    ("approved", "spent", "draft", "day"),
    [
        (1_000, 0, [100], date(2026, 12, 2)),  # ten days are paid to the last fen, the eleventh is not
        (1_001, 0, [100], date(2026, 12, 2)),
        (999, 0, [100], date(2026, 12, 1)),
        (1_000, 901, [100], TODAY),
        (1_000, 900, [100], TODAY + timedelta(days=1)),
        (4_000, 0, [100], None),  # 40 days to the end of the period
        (3_999, 0, [100], date(2026, 12, 31)),
        (300, 0, [0, 0, 200], TODAY + timedelta(days=5)),
        (0, 0, [0], None),
        (100, 0, [-50, 150], TODAY + timedelta(days=3)),  # what claw-backs bring is there to be spent
    ],
)
def test_the_day_is_exact(approved: int, spent: int, draft: list[int], day: date | None) -> None:
    (own,) = pack(budgets=[budget(approved)]).budgets
    assert used_up_on(own, Demand(spent, [0] * len(draft), draft), TODAY, TODAY) == day


def test_until_it_is_effective_the_version_in_force_goes_on_spending() -> None:
    (own,) = pack(budgets=[budget(1_000)]).budgets
    demand = Demand(0, [10], [100])
    assert used_up_on(own, demand, TODAY, TODAY + timedelta(days=10)) == TODAY + timedelta(days=19)


def test_a_budget_that_begins_later_is_spent_from_then_on() -> None:
    later = {**budget(150, "2028-01-01"), "period": {"from": "2027-01-01", "to": "2028-01-01"}}
    (own,) = pack(budgets=[later]).budgets
    assert used_up_on(own, Demand(0, [100], [100]), TODAY, TODAY) == date(2027, 1, 2)


def test_the_finding_names_budget_day_and_traffic_in_both_languages() -> None:
    (found,) = run_outs(pack(budgets=[budget(1_000)]), {"marketing": Demand(0, [0], [100])}, TODAY, TODAY, BEGIN)
    assert (found.code, found.severity, found.location) == (
        "BUDGET_TOO_SMALL", "warning", ("budgets", 0, "approved_minor"),
    )  # fmt: skip
    assert found.text("en") == (
        "budget marketing would be used up on 2026-12-02, 30 days before its period ends, if the traffic of "
        "2026-10-23 to 2026-10-23 came again and again: 1.00 CNY in these 1 days, of 10.00 CNY that are left"
    )
    assert "2026-12-02" in found.text("zh-CN")


def test_a_budget_without_traffic_is_not_judged() -> None:
    assert run_outs(pack(budgets=[budget(0)]), {}, TODAY, TODAY, BEGIN) == ()
    assert run_outs(pack(budgets=[budget(0)]), {"marketing": Demand(0, [], [])}, TODAY, TODAY, BEGIN) == ()
