"""The figures of product.md's packs can be written, read back from an event, and give the rates they are known for."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.programs.changes.compare import changes
from shared.programs.changes.prices import DayKind, price_changes, price_on
from shared.programs.check import check_pack
from shared.programs.controls.c05_reward_rate import highest_rate
from shared.programs.controls.context import PublishContext
from shared.programs.highest_rate import highest_points_per_minor
from shared.programs.load import load_draft
from shared.programs.pack import ProgramPack
from shared.programs.rewards import REWARD_KINDS
from shared.programs.rules import RULE_KINDS
from tests.unit.programs.packs import NAME, ONE_PER_YUAN, TOO_LATE, as_yaml, double, pack, reward, written

PERIOD = {"from": "2026-12-01", "to": "2027-01-01"}
PEAK = {"season_id": "peak", "name": NAME, "periods": [PERIOD]}
BOOKING = {"booking": {"capacity": 10, "slots": ["09:00"], "free_until_hours": 24, "no_show_points": 50}}
MORNING = {"from": "09:00", "to": "12:00"}
LARGE_FRUIT = {"purchased": {"labels": ["large-fruit"], "within_days": 7}}
VOUCHER = {"valid_days": 30}
MARKET_DAY = double(when={"lunar_market_days": [1, 6, 11, 16, 21, 26], "min_spend_minor": 10_000})


def figure(points: int, yuan: int, **changes: Any) -> dict[str, Any]:
    return reward(points, yuan * 100, **changes)


def threshold(points: int, yuan: int) -> dict[str, Any]:
    """A coupon of so many yuan off a bill of twice as much."""
    fen = yuan * 100
    return figure(points, yuan, kind="voucher_threshold", amount_minor=fen, threshold_minor=2 * fen, **VOUCHER)


@pytest.mark.parametrize(
    ("written_reward", "rules", "percent"),
    [
        (figure(500, 25), [], "5"),
        (figure(1_000, 50, kind="voucher_amount", amount_minor=5_000, **VOUCHER), [], "5"),
        (figure(500, 25, special_prices=[{"points": 400, "season": "peak"}]), [], "6.25"),
        (figure(300, 50, kind="service_booking", eligibility=LARGE_FRUIT, **BOOKING), [], "50/3"),
        (figure(300, 50, kind="service_booking", **BOOKING), [double()], "100/3"),
        (figure(3_000, 300), [], "10"),
        (figure(4_000, 400, special_prices=[{"points": 3_000, "member_day": True}]), [], "40/3"),
        (threshold(10_000, 1_000), [], "10"),
        (figure(20_000, 500, kind="service_booking", **BOOKING), [], "2.5"),
        (threshold(8_000, 800), [], "10"),
        (figure(1_000, 100), [MARKET_DAY], "20"),
        (figure(1_000, 100), [MARKET_DAY, double(rule_id="festival", when={"dates": [PERIOD]})], "40"),
    ],
)  # fmt: skip
def test_the_rate_of_a_figure_under_its_worst_stacking(
    written_reward: dict[str, Any], rules: list[dict[str, Any]], percent: str
) -> None:
    made = pack(
        rewards=[written_reward], rules=[ONE_PER_YUAN, *rules], seasons=[PEAK], member_day={"days_of_month": [8]}
    )
    rate, _ = highest_rate(made.rewards[0], made, highest_points_per_minor(made))
    assert rate * 100 == Fraction(percent)


def everything() -> dict[str, Any]:
    """A pack that uses every part and every kind."""
    of_kind: dict[str, dict[str, Any]] = {
        "service_booking": BOOKING,
        "upgrade": BOOKING,
        "voucher_amount": {**VOUCHER, "amount_minor": 2_500},
        "voucher_threshold": {**VOUCHER, "amount_minor": 2_500, "threshold_minor": 5_000},
        "voucher_percent": {**VOUCHER, "percent": "10%", "max_minor": 2_500, "lines": {"labels": ["tea"]}},
        "event_entry": {
            "draw": {
                "entries": 1_000,
                "prizes": [{"name": NAME, "quantity": 1, "value_minor": 100_000}],
                "terms": {
                    "conditions": NAME,
                    "method": NAME,
                    "drawn_on": "2027-01-01",
                    "results_published": "In the app",
                    "claim_until": "2027-02-01",
                },
            }
        },
        "partner_benefit": {"partner_id": "cinema"},
        "donation": {"agreement_id": "trees"},
        "travel_coupon": VOUCHER,
    }
    rule, (budget,) = {"budget_id": "marketing"}, written()["budgets"]
    return written(
        effective_at="2026-12-01T00:00:00+08:00",
        merchants=["m-1"],
        member_day={"lunar_days": [1, 15]},
        budgets=[budget, {**budget, "budget_id": "benefits"}],
        seasons=[PEAK],
        licence={"number": "L-1", "scope": ["B2"], "valid_to": "2027-12-31"},
        green_certificates=[{"certificate_number": "G-1", "scope": {"labels": ["green"]}, "valid_to": "2027-12-31"}],
        stations=[{"station_id": "s", "capacity_grams": 60_000, "scales": ["w"]}],
        factors=[{"material": "pet", "grams_co2e_per_kg": 1_150, "source": "EPA", "version": "v16", "region": "US"}],
        organisations=[
            {"organisation_id": "school", "kind": "school", "name": NAME, "caps": [{"points": 5, "per": "month"}]}
        ],
        activities=[
            {"activity_id": "quiz", "kind": "survey", "name": NAME, "evidence": "score", "min_score": 60}
        ],
        tiers={
            "qualify_by": "money",
            "window": {"rolling_months": 12},
            "validity": {"months": 12, "to_month_end": True},
            "levels": [{"tier_id": "gold", "name": NAME, "threshold": 1_000, "early_view_days": 3}],
        },
        rules=[
            ONE_PER_YUAN,
            double(factor="3/2", when={"tiers": ["gold"], "dates": [PERIOD], "hours": [MORNING]}),
            {**rule, "rule_id": "o", "kind": "per_order", "points": 5, "caps": [{"points": 5, "per": "member_day"}]},
            {**rule, "rule_id": "s", "kind": "per_sku", "points": 5, "skus": ["tea"], "unless": {"codes": ["STAFF"]}},
            {**rule, "rule_id": "f", "kind": "first_order", "points": 5},
            {**rule, "rule_id": "m", "kind": "material", "points": 1, "materials": ["pet"], "per_grams_co2e": 1_000},
            {**rule, "rule_id": "i", "kind": "referral", "points": 5, "side": "inviter"},
            {**rule, "rule_id": "u", "kind": "sign_up", "points": 5},
            {**rule, "rule_id": "b", "kind": "birthday", "points": 5},
            {**rule, "rule_id": "a", "kind": "activity", "points": 5, "activities": ["quiz"]},
        ],
        partners=[
            {
                "partner_id": "cinema",
                "name": NAME,
                "contract": {
                    "number": "C-1",
                    "period": PERIOD,
                    "fee": "2%",
                    "prices": [{"reward_id": "partner_benefit", "price_minor": 800}],
                },
            }
        ],
        donation_agreements=[
            {"agreement_id": "trees", "recipient": NAME, "document": "D", "signed_on": "2026-11-01", "period": PERIOD}
        ],
        rewards=[
            figure(1_000, 25, reward_id=kind, kind=kind, stock=[{"units": 9}], **of_kind.get(kind, {}))
            for kind in REWARD_KINDS
        ],
        benefits=[
            {"benefit_id": "facial", "kind": "service", "name": NAME, "lifetime_at_least": 10_000, "times": 1,
             "per": "lifetime", "budget_id": "benefits", "market_value_minor": 50_000},
            {"benefit_id": "custom", "kind": "percent", "name": NAME, "tiers": ["gold"], "times": 1, "per": "year",
             "budget_id": "benefits", "percent": "10%", "max_minor": 500_000, "lines": {"labels": ["custom"]}},
        ],
        point_payment={"points": 100, "minor": 500, "share_cap": "50%", "whole_bill": False},
        offset_days=[
            {"offset_day_id": "d", "name": NAME, "days": {"dates": ["2026-12-24"]}, "points": 100, "minor": 500}
        ],
        vouchers=[
            {"voucher_id": "hello", "name": NAME, "given_for": "referral_invitee", "amount_minor": 500,
             "valid_days": 30, "merchants": ["m-1"], "budget_id": "marketing"}
        ],
    )  # fmt: skip


def test_a_pack_of_every_part_reads_from_yaml_and_survives_an_event() -> None:
    read = load_draft(as_yaml(**everything()), "everything.yaml").pack
    assert {rule.kind for rule in read.rules} == set(RULE_KINDS)
    assert {one.kind for one in read.rewards} == set(REWARD_KINDS)
    assert ProgramPack.model_validate_json(read.model_dump_json(by_alias=True)) == read
    assert ProgramPack.model_validate(read.model_dump(mode="json", by_alias=True)) == read
    assert changes(read, read) == ()
    assert [one for one in check_pack(read, (), PublishContext(TOO_LATE)) if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("location", "name"),
    [
        (("rewards", 0, "partner_id"), "partners"),
        (("benefits", 1, "tiers"), "tiers"),
        (("offset_days", 0, "days"), None),
        (("organisations", 0, "budget_id"), "budgets"),
        (("activities", 0, "organisation_id"), "organisations"),
        (("vouchers", 0, "budget_id"), "budgets"),
        (("rules", 9, "activities"), "activities"),
    ],
)
def test_a_part_may_name_only_what_the_pack_has(location: tuple[Any, ...], name: str | None) -> None:
    whole = everything()
    part, position, field = location
    whole[part][position][field] = ["nobody"] if field in ("tiers", "activities") else "nobody"
    if name is None:
        whole[part][position][field] = {"weekdays": [8]}
    with pytest.raises(ValueError, match=f"not under {name}" if name else "less than or equal to 7"):
        ProgramPack.model_validate(whole)


FIRST = date(2026, 12, 1)
days = st.integers(-20, 40).map(lambda offset: FIRST + timedelta(days=offset))


@st.composite
def periods(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(days)
    return {"from": start.isoformat(), "to": (start + timedelta(days=draw(st.integers(1, 20)))).isoformat()}


@st.composite
def priced(draw: st.DrawFn) -> dict[str, Any]:
    """A reward with a few prices by period, tier, lunar day and member day, perhaps only there for a while."""
    specials = []
    for _ in range(draw(st.integers(0, 3))):
        special: dict[str, Any] = {"points": draw(st.integers(1, 4)), "money_minor": draw(st.sampled_from([0, 0, 5]))}
        special["period"] = draw(st.none() | periods())
        special["tiers"] = draw(st.none() | st.just(["gold"]))
        special["lunar_days"] = draw(st.sampled_from([None, None, [14], [14, 20]]))
        special["member_day"] = all(special[when] is None for when in ("period", "tiers", "lunar_days"))
        specials.append(special)
    return reward(draw(st.integers(2, 5)), special_prices=specials, available=draw(st.none() | periods()))


@given(priced(), priced())
def test_a_price_is_worse_exactly_if_some_member_pays_more_on_some_day(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    parts = {"member_day": {"days_of_month": [8]}, "tiers": everything()["tiers"]}
    before, after = (pack(rewards=[one], **parts) for one in (old, new))
    found = price_changes(before.rewards[0], after.rewards[0], (before, after), (), ())
    worse = False
    for offset in range(90):
        day = FIRST + timedelta(days=offset)
        for tier in (None, "gold"):
            for kind in (DayKind(member, lunar) for member in (False, True) for lunar in (None, 14, 20)):
                was, now = (price_on(one.rewards[0], one, day, tier, kind) for one in (before, after))
                if was is not None:
                    worse |= now is None or now.points > was.points or now.money_minor > was.money_minor
    assert any(change.adverse for change in found) is worse
