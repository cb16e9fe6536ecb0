"""Mistakes that break no red line: what contradicts itself, what never applies, what nobody can buy, old papers."""

from typing import Any

import pytest

from shared.programs.check import check_pack
from shared.programs.controls.context import PublishContext
from shared.programs.findings import Finding
from shared.programs.sense import contradictions, expired_papers, never_applies, redeemable, unpublished_years
from tests.unit.programs.packs import NAME, ONE_PER_YUAN, TOO_LATE, double, pack, reward, run, written

EARLY = TOO_LATE.replace(year=2025)
OVER = {"from": "2026-11-01", "to": "2026-12-01"}
STILL = {"from": "2026-11-01", "to": "2026-12-02"}
GROUPED = {**ONE_PER_YUAN, "exclusive_group": "g"}


def told(findings: tuple[Finding, ...]) -> list[tuple[str, tuple[int | str, ...]]]:
    return [(one.severity, one.location) for one in findings]


def test_a_pack_that_is_meant_has_no_finding() -> None:
    assert check_pack(pack(), (), PublishContext(TOO_LATE)) == ()


# contradictions


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        ({"when": {"min_spend_minor": 500, "max_spend_minor": 500}}, None),
        ({"when": {"min_spend_minor": 501, "max_spend_minor": 500}}, "min_spend_minor"),
        ({"when": {"categories": ["tea"]}, "unless": {"categories": ["tea", "oil"]}}, "categories"),
        ({"when": {"categories": ["tea", "oil"]}, "unless": {"categories": ["tea"]}}, None),
        ({"when": {"labels": ["tea"]}, "unless": {"labels": ["tea", "oil"]}}, None),
        ({"when": {"first_order": True}, "unless": {"first_order": True}}, "first_order"),
        ({"when": {"first_order": True}, "unless": {"birthday": True}}, None),
    ],
)
def test_a_rule_that_contradicts_itself(rule: dict[str, Any], at: str | None) -> None:
    found = run(contradictions.check, pack(rules=[{**ONE_PER_YUAN, **rule}]))
    assert told(found) == ([("error", ("rules", 0, "when", at))] if at else [])


@pytest.mark.parametrize(
    ("other", "contradicts"),
    [
        ({"points": 2}, True),
        ({"points": 1}, True),  # equal: the first of them by id counts
        ({"points": 2, "when": {"categories": ["tea"]}}, False),
        ({"points": 2, "exclusive_group": "h"}, False),
        ({"points": 2, "enabled": False}, False),
        ({"points": 2, "caps": [{"points": 5, "per": "member_day"}]}, False),
    ],
)
def test_two_rules_of_one_group_that_can_never_both_matter(other: dict[str, Any], contradicts: bool) -> None:
    rules = [{**GROUPED, "rule_id": "b"}, {**GROUPED, "rule_id": "a", **other}]
    assert told(run(contradictions.check, pack(rules=rules))) == ([("error", ("rules", 0))] if contradicts else [])


def test_a_voucher_says_one_value_and_takes_off_no_more_than_the_bill() -> None:
    voucher: dict[str, Any] = {"kind": "voucher_threshold", "valid_days": 30, "amount_minor": 2_500}
    assert run(contradictions.check, pack(rewards=[reward(**voucher, threshold_minor=2_500)])) == ()
    low, other = reward(**voucher, threshold_minor=2_499), reward(value=2_600, **voucher, threshold_minor=2_500)
    assert told(run(contradictions.check, pack(rewards=[low]))) == [("error", ("rewards", 0, "threshold_minor"))]
    assert told(run(contradictions.check, pack(rewards=[other]))) == [("error", ("rewards", 0, "market_value_minor"))]


def test_a_part_of_the_stock_is_no_more_than_all_of_it() -> None:
    good, bad = ([{"units": 10}, {"units": units, "per": "day"}] for units in (10, 11))
    assert run(contradictions.check, pack(rewards=[reward(stock=good)])) == ()
    found = run(contradictions.check, pack(rewards=[reward(stock=bad)]))
    assert told(found) == [("error", ("rewards", 0, "stock", 1, "units"))]


# never applies


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"enabled": False}, ("note", ("rules", 0, "enabled"))),
        ({"when": {"categories": []}}, ("warning", ("rules", 0, "when", "categories"))),
        ({"when": {"dates": [OVER]}}, ("warning", ("rules", 0, "when", "dates"))),
        ({"when": {"dates": [STILL]}}, None),
        ({"when": {"dates": [{"from": "2030-01-01", "to": "2030-02-01"}]}}, ("warning", ("rules", 0, "when", "dates"))),
        ({"when": {"dates": [{"from": "2029-12-31", "to": "2030-02-01"}]}}, None),
        ({"when": {"merchants": ["m-2"]}}, ("warning", ("rules", 0, "when", "merchants"))),
        ({"when": {"merchants": ["m-2", "m-1"]}}, None),
    ],
)
def test_a_rule_that_never_applies(rule: dict[str, Any], found: tuple[str, tuple[int | str, ...]] | None) -> None:
    made = pack(rules=[{**ONE_PER_YUAN, **rule}], merchants=["m-1"])
    assert told(run(never_applies.check, made)) == ([found] if found else [])


def test_a_rule_whose_budget_ended() -> None:
    budgets = written()["budgets"]
    budgets[0]["period"]["to"] = "2026-12-01"
    assert told(run(never_applies.check, pack(budgets=budgets))) == [("warning", ("rules", 0, "budget_id"))]
    budgets[0]["period"]["to"] = "2026-12-02"
    assert run(never_applies.check, pack(budgets=budgets)) == ()


def test_a_multiplier_without_a_rate() -> None:
    switched_off = {**ONE_PER_YUAN, "enabled": False}
    found = run(never_applies.check, pack(rules=[switched_off, double()]))
    assert told(found) == [("note", ("rules", 0, "enabled")), ("warning", ("rules", 1))]
    assert run(never_applies.check, pack(rules=[ONE_PER_YUAN, double(of_rules=["one-per-yuan"])])) == ()


def test_rewards_and_prices_that_are_over_or_that_nobody_pays() -> None:
    assert told(run(never_applies.check, pack(rewards=[reward(available=OVER)]))) == [
        ("warning", ("rewards", 0, "available"))
    ]
    assert run(never_applies.check, pack(rewards=[reward(available=STILL)])) == ()
    specials = [{"points": 400, "period": OVER}, {"points": 500, "period": STILL}, {"points": 499, "period": STILL}]
    found = run(never_applies.check, pack(rewards=[reward(special_prices=specials)]))
    assert told(found) == [
        ("note", ("rewards", 0, "special_prices", 0)),
        ("warning", ("rewards", 0, "special_prices", 1)),
    ]


# redeemable


def test_points_that_buy_nothing() -> None:
    (found,) = run(redeemable.check, pack(rewards=[]))
    assert (found.code, found.severity) == ("POINTS_NOT_REDEEMABLE", "warning")
    for nothing in (reward(enabled=False), reward(available=OVER), reward(stock=[{"units": 0}])):
        assert len(run(redeemable.check, pack(rewards=[nothing]))) == 1
    assert run(redeemable.check, pack(rewards=[], point_payment={"points": 100, "minor": 500})) == ()


def test_a_reward_that_all_points_together_could_not_buy() -> None:
    budgets = written()["budgets"]
    budgets[0]["approved_minor"] = 2_499  # 499 points at 5 fen
    (found,) = run(redeemable.check, pack(budgets=budgets))
    assert "499 in all" in found.text("en")
    budgets[0]["approved_minor"] = 2_500
    assert run(redeemable.check, pack(budgets=budgets)) == ()


# papers


@pytest.mark.parametrize(("last_day", "old"), [("2026-12-01", False), ("2026-11-30", True)])
def test_papers_are_good_through_their_last_day(last_day: str, old: bool) -> None:
    licence = {"number": "L-1", "scope": ["B2"], "valid_to": last_day}
    certificate = {"certificate_number": "G-1", "scope": {"labels": ["green"]}, "valid_to": last_day}
    made = pack(licence=licence, green_certificates=[certificate])
    found = run(expired_papers.check, made)
    assert [one.location for one in found] == (
        [("licence", "valid_to"), ("green_certificates", 0, "valid_to")] if old else []
    )


@pytest.mark.parametrize(
    ("contract", "good"),
    [
        ({}, True),
        ({"period": {"from": "2026-01-01", "to": "2026-12-01"}}, False),  # ended yesterday
        ({"prices": []}, False),
    ],
)
def test_a_partner_s_reward_has_a_contract_and_a_price(contract: dict[str, Any], good: bool) -> None:
    terms = {
        "number": "C-1",
        "period": {"from": "2026-01-01", "to": "2027-01-01"},
        "fee": "2%",
        "prices": [{"reward_id": "fruit-box", "price_minor": 800}],
        **contract,
    }
    partner = {"partner_id": "cinema", "name": NAME, "contract": terms}
    made = pack(rewards=[reward(kind="partner_benefit", partner_id="cinema")], partners=[partner])
    assert [str(one.code) for one in run(expired_papers.check, made)] == ([] if good else ["PARTNER_NOT_CONTRACTED"])


def test_statutory_days_of_a_year_without_a_notice() -> None:
    """2026 is published, 2027 is not (red-lines.md): a rule for holidays would leave January's receipts waiting."""
    asks = {**ONE_PER_YUAN, "when": {"holidays": ["spring_festival"]}}
    (found,) = run(unpublished_years.check, pack(rules=[asks]))
    assert (found.code, found.severity, dict(found.values)["year"]) == ("CALENDAR_YEAR_UNPUBLISHED", "warning", 2027)
    assert run(unpublished_years.check, pack(rules=[{**asks, "enabled": False}])) == ()
    assert run(unpublished_years.check, pack()) == ()
    early = {"effective_at": "2025-12-01T00:00:00+08:00"}
    assert run(unpublished_years.check, pack(rules=[asks], **early), at=EARLY) == ()
