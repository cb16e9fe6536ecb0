"""C05, the reward-rate cap: the examples of red-lines.md, both sides of the limit, and every way a price may be low."""

from fractions import Fraction
from typing import Any

import pytest

from shared.programs.controls.c05_reward_rate import check, percent
from tests.unit.programs.packs import ONE_PER_YUAN, codes, double, pack, reward, run

EXCEEDED = ["REWARD_RATE_EXCEEDED"]
SEASON = {
    "season_id": "peak",
    "name": {"zh-CN": "旺季", "en": "Peak"},
    "periods": [{"from": "2026-12-05", "to": "2027-01-01"}],
}
TIERS = {
    "qualify_by": "points",
    "window": {"calendar": "year"},
    "validity": {"months": 12},
    "levels": [{"tier_id": "gold", "name": {"zh-CN": "金", "en": "Gold"}, "threshold": 1_000}],
}


def test_500_points_for_25_yuan_is_5_percent_and_passes() -> None:
    assert run(check, pack()) == ()
    assert run(check, pack(), reward_rate_cap="5%") == ()
    assert codes(run(check, pack(), reward_rate_cap="4.99%")) == EXCEEDED


def test_300_points_for_50_yuan_with_double_points_is_a_third_and_is_refused() -> None:
    doubled = pack(rules=[ONE_PER_YUAN, double()], rewards=[reward(300, 5_000)])
    (found,) = run(check, doubled)
    assert (found.code, found.control, found.location) == ("REWARD_RATE_EXCEEDED", "C05", ("rewards", 0, "price"))
    assert "33.34%" in found.text("en")
    assert "33.34%" in found.text("zh-CN")
    assert found.text("zh-CN") != found.text("en")
    assert run(check, pack(rewards=[reward(300, 5_000)])) == ()  # 16.7% without doubling


@pytest.mark.parametrize(("value", "refused"), [(10_000, False), (10_001, True)])
def test_the_cap_itself_passes_and_one_unit_more_does_not(value: int, refused: bool) -> None:
    found = run(check, pack(rewards=[reward(500, value)]))  # 20% and 20.002%
    assert codes(found) == (EXCEEDED if refused else [])
    if refused:
        assert "20.01%" in found[0].text("en")  # never rounded down to the cap itself


def test_the_money_part_lowers_the_rate() -> None:
    with_money = reward(500, 12_000, price={"points": 500, "money_minor": 2_000})
    assert run(check, pack(rewards=[with_money])) == ()
    with_money["price"]["money_minor"] = 1_999
    assert codes(run(check, pack(rewards=[with_money]))) == EXCEEDED


@pytest.mark.parametrize(
    "special",
    [
        {"season": "peak"},
        {"period": {"from": "2027-02-01", "to": "2027-02-02"}},
        {"member_day": True},
        {"tiers": ["gold"]},
    ],
)
def test_the_lowest_price_of_any_period_or_tier_counts(special: dict[str, Any]) -> None:
    parts = {"seasons": [SEASON], "tiers": TIERS, "member_day": {"days_of_month": [8]}}
    cheap = reward(5_000, 10_000, special_prices=[{"points": 501, **special}, {"points": 499, **special}])
    (found,) = run(check, pack(rewards=[cheap], **parts))
    assert found.location == ("rewards", 0, "special_prices", 1)
    cheap["special_prices"] = [{"points": 500, **special}]
    assert run(check, pack(rewards=[cheap], **parts)) == ()


def test_a_claim_of_several_units_is_worth_all_of_them() -> None:
    assert run(check, pack(rewards=[reward(500, 2_500, units_per_claim=4)])) == ()
    assert codes(run(check, pack(rewards=[reward(500, 2_500, units_per_claim=5)]))) == EXCEEDED


@pytest.mark.parametrize(
    "voucher",
    [
        {"kind": "voucher_amount", "amount_minor": 10_001},
        {"kind": "voucher_threshold", "amount_minor": 10_001, "threshold_minor": 20_000},
        {"kind": "voucher_percent", "percent": "10%", "max_minor": 10_001},
    ],
)
def test_a_voucher_is_worth_what_it_takes_off_whatever_value_is_stated(voucher: dict[str, Any]) -> None:
    understated = reward(500, 1, valid_days=30, **voucher)
    assert codes(run(check, pack(rewards=[understated]))) == EXCEEDED


def test_a_percentage_without_a_maximum_does_not_read() -> None:
    with pytest.raises(ValueError, match="max_minor"):
        pack(rewards=[reward(kind="voucher_percent", percent="10%", valid_days=30)])


def test_a_draw_is_worth_its_prizes_shared_by_its_entries() -> None:
    prize = {"name": {"zh-CN": "一等奖", "en": "First"}, "quantity": 2, "value_minor": 5_000_000}
    draw = reward(500, 1, kind="event_entry", draw={"entries": 1_000, "prizes": [prize]})
    assert run(check, pack(rewards=[draw])) == ()  # 100.00 an entry: 20%
    draw["draw"]["entries"] = 999
    assert codes(run(check, pack(rewards=[draw]))) == EXCEEDED


def test_paying_a_bill_with_points_gives_back_as_well() -> None:
    assert run(check, pack(point_payment={"points": 100, "minor": 500})) == ()
    (found,) = run(check, pack(point_payment={"points": 100, "minor": 2_001, "step_points": 100}))
    assert found.location == ("point_payment",)
    day = {
        "offset_day_id": "d",
        "name": {"zh-CN": "日", "en": "Day"},
        "days": {"weekdays": [1]},
        "points": 1,
        "minor": 21,
    }
    assert run(check, pack(offset_days=[day]))[0].location == ("offset_days", 0)


def test_what_is_switched_off_or_over_does_not_count() -> None:
    assert run(check, pack(rewards=[reward(1, 10_000, enabled=False)])) == ()
    for end, refused in (("2026-12-01", False), ("2026-12-02", True)):
        period = {"from": "2026-11-01", "to": end}
        for part in (reward(1, 10_000, available=period), reward(special_prices=[{"points": 1, "period": period}])):
            assert bool(run(check, pack(rewards=[part]))) is refused
    doubled = [ONE_PER_YUAN, double(enabled=False)]
    assert run(check, pack(rules=doubled, rewards=[reward(300, 5_000)])) == ()


def test_the_cap_is_the_compliance_role_s_and_not_the_pack_s() -> None:
    with pytest.raises(ValueError, match="reward_rate_cap"):
        pack(reward_rate_cap="90%")


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(Fraction(1, 3), "33.34%"), (Fraction(1, 5), "20.00%"), (Fraction(-1, 3), "-33.33%"), (Fraction(0), "0.00%")],
)
def test_a_rate_is_shown_rounded_up(rate: Fraction, shown: str) -> None:
    assert percent(rate) == shown
