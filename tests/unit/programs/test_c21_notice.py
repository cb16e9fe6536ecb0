"""C21, notice of adverse changes: seven calendar dates, what is adverse, and what only looks like it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.programs.controls.c21_notice import check, promised_versions
from shared.programs.versions import ProgramBook, ProgramVersion
from tests.unit.programs.packs import IN_TIME, ONE_PER_YUAN, TOO_LATE, codes, double, pack, reward, run

EARNS = "rules one-per-yuan"
NEWEST = {"combine_multipliers": "newest"}
BEST = {"combine_multipliers": "best"}
WINTER = {"from": "2026-11-01", "to": "2027-02-01"}
SHORT = "RULE_CHANGE_NOTICE_TOO_SHORT"
OTHER = {**ONE_PER_YUAN, "rule_id": "other"}
PEAK = {
    "season_id": "peak",
    "name": {"zh-CN": "旺季", "en": "Peak"},
    "periods": [{"from": "2026-11-01", "to": "2027-01-01"}],
}


def rule(**changes: Any) -> dict[str, Any]:
    return {"rules": [{**ONE_PER_YUAN, **changes}]}


def narrowed(**when: Any) -> dict[str, Any]:
    return rule(when=when)


def gift(**changes: Any) -> dict[str, Any]:
    return {"rewards": [reward(**changes)]}


def during(first: str, end: str) -> dict[str, Any]:
    """A double of these dates beside the usual rule."""
    return {"rules": [ONE_PER_YUAN, double(when={"dates": [{"from": first, "to": end}]})]}


def notices(*holidays: tuple[str, str, int], year: int = 2026, covers: str = "single_days") -> dict[str, Any]:
    """Holidays of that year: name, first day off, how many days."""
    written = []
    for name, first, days in holidays:
        last = date.fromisoformat(first) + timedelta(days=days - 1)
        written.append({"holiday": name, "days_off": {"first": first, "last": last.isoformat(), "days": days}})
    notice = {"year": year, "version": 1, "source": "Notice", "covers": covers, "holidays": written}
    return {"calendar": {"notices": [notice]}}


CORRECTED = notices(("new_year", "2026-01-05", 1))
# As if published: nobody knew that year before.
YEAR_2027 = notices(
    ("new_year", "2027-01-01", 3),
    ("spring_festival", "2027-02-06", 7),
    ("qingming", "2027-04-05", 1),
    ("labour_day", "2027-05-01", 5),
    ("dragon_boat", "2027-06-09", 1),
    ("mid_autumn", "2027-09-15", 1),
    ("national_day", "2027-10-01", 7),
    year=2027,
    covers="whole_year",
)


def tariff(**measure: Any) -> dict[str, Any]:
    rule = {"rule_id": "tariff", "kind": "material", "materials": ["pet"], "budget_id": "marketing", **measure}
    return {"rules": [rule], "stations": [{"station_id": "s", "capacity_grams": 60_000}]}


def paying(**changes: Any) -> dict[str, Any]:
    return {"point_payment": {"points": 100, "minor": 500, **changes}}


def tiers(*thresholds: int, **changes: Any) -> dict[str, Any]:
    levels = [
        {"tier_id": f"t{place}", "name": {"zh-CN": "级", "en": "Tier"}, "threshold": threshold}
        for place, threshold in enumerate(thresholds)
    ]
    scheme = {"qualify_by": "points", "window": {"calendar": "year"}, "validity": {"months": 12}, "levels": levels}
    return {"tiers": {**scheme, **changes}}


def adverse(old: dict[str, Any], new: dict[str, Any], at: datetime = TOO_LATE) -> list[str]:
    """The parts whose change is adverse."""
    found = run(check, pack(**{"version": 2, **new}), pack(**old), at=at)
    assert set(codes(found)) <= {SHORT}
    return [str(dict(one.values)["what"]) for one in found]


def test_effective_1_december_published_on_the_24th_passes_and_on_the_25th_does_not() -> None:
    old, new = gift(points=500), gift(points=501)
    assert adverse(old, new, at=IN_TIME) == []
    assert adverse(old, new, at=IN_TIME + timedelta(seconds=59)) == []
    assert adverse(old, new, at=TOO_LATE) == ["rewards fruit-box price"]


def test_dates_are_those_of_the_program_s_zone() -> None:
    """The same instant is still the 24th in London, where the version takes effect on 30 November."""
    london = {"time_zone": "Europe/London", "effective_at": "2026-12-01T00:00:00+00:00"}
    assert adverse({**gift(points=500), **london}, {**gift(points=501), **london}, at=TOO_LATE) == []
    late = datetime(2026, 11, 25, 0, tzinfo=UTC)
    assert adverse({**gift(points=500), **london}, {**gift(points=501), **london}, at=late) != []


def test_the_sentence_says_what_and_from_when_it_would_do() -> None:
    (found,) = run(check, pack(version=2, **gift(points=501)), pack(**gift(points=500)))
    assert (found.control, found.severity, found.location) == ("C21", "error", ("rewards", 0))
    assert "500" in found.text("en")
    assert "take effect from 2026-12-02" in found.text("en")


def test_the_first_version_of_a_program_changes_nothing() -> None:
    assert run(check, pack()) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({}, {"rules": [ONE_PER_YUAN, OTHER]}),  # adding is never adverse
        (gift(), {"rewards": [reward(), reward(reward_id="tea")]}),
        (rule(), rule(points=2)),
        (rule(per_minor=100), rule(per_minor=50)),
        (rule(points=1, per_minor=100), rule(points=2, per_minor=200)),  # the same rate
        (rule(rounding="floor"), rule(rounding="half_up")),
        (narrowed(categories=["tea"]), narrowed(categories=["tea", "oil"])),
        (narrowed(categories=["tea"]), rule()),
        (narrowed(min_spend_minor=500), narrowed(min_spend_minor=499)),
        (rule(caps=[{"points": 5, "per": "member_day"}]), rule(caps=[{"points": 6, "per": "member_day"}])),
        (rule(caps=[{"points": 5, "per": "member_day"}]), rule()),
        ({"rules": [ONE_PER_YUAN, {**OTHER, "enabled": False}]}, rule()),
        (during("2026-11-01", "2026-12-01"), rule()),  # over
        (during("2026-11-01", "2027-01-01"),
         during("2026-11-20", "2027-01-01")),
        (gift(points=500), gift(points=400)),
        (gift(points=500, price={"points": 500, "money_minor": 10}), gift(points=500)),
        (gift(), gift(special_prices=[{"points": 400, "member_day": True}]) | {"member_day": {"days_of_month": [8]}}),
        (gift(enabled=False), {"rewards": []}),
        (gift(available={"from": "2026-11-01", "to": "2026-12-01"}), {"rewards": []}),  # over before it
        (gift(available=WINTER), gift(available={**WINTER, "from": "2026-12-01"})),
        (gift(limits=[{"units": 1, "per": "month"}]), gift(limits=[{"units": 2, "per": "month"}])),
        (gift(limits=[{"units": 1, "per": "month"}]), gift()),
        (gift(eligibility={"balance_at_least": 100}), gift()),
        (gift(value=2_500), gift(value=2_600)),
        ({"expiry": {"years": 1}}, {"expiry": {"years": 1, "round_to": "month_end"}}),
        ({"expiry": {"years": 1}}, {"expiry": "never"}),
        ({"expiry": {"months": 12}}, {"expiry": {"years": 1}}),
        ({"expiry": {"months": 1}}, {"expiry": {"days": 31}}),
        ({"merchants": ["m-1"]}, {"merchants": ["m-1", "m-2"]}),
        ({"merchants": ["m-1"]}, {"merchants": []}),
        ({"max_event_age_days": 180}, {"max_event_age_days": "unlimited"}),
        ({"claw_back_policy": "deficit"}, {"claw_back_policy": "only_pending"}),
        ({"name": {"zh-CN": "甲", "en": "A"}}, {"name": {"zh-CN": "乙", "en": "B"}}),
        ({}, tiers(100)),
        (tiers(100), tiers(90)),
        (tiers(100, grace_days=1), tiers(100, grace_days=2)),
        (paying(), paying(minor=600)),
        ({}, paying()),
        (paying(), paying(points=200, minor=1_000, step_points=100)),  # the same rate and step
        (paying(), paying(step_points=50)),
        (tariff(points=1, per_grams=1_000), tariff(points=2, per_grams=2_000)),
        (tariff(points=1, per_grams=1_000), tariff(points=1, per_grams=999)),
        (tariff(points=1, per_grams=1_000, needs_photo=True), tariff(points=1, per_grams=1_000)),
        ({"filings": []}, {}),
        ({}, YEAR_2027),
        ({}, {"filings": []}),
    ],
)  # fmt: skip
def test_what_harms_nobody_needs_no_notice(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert adverse(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ({"rules": [ONE_PER_YUAN, OTHER]}, rule(), "rules other"),
        (rule(), rule(enabled=False), f"{EARNS} enabled"),
        (rule(points=2), rule(points=1), f"{EARNS} points per_minor"),
        (rule(per_minor=100), rule(per_minor=101), f"{EARNS} points per_minor"),
        (rule(rounding="ceil"), rule(rounding="floor"), f"{EARNS} rounding"),
        (rule(), narrowed(categories=["tea"]), f"{EARNS} when"),
        (narrowed(categories=["tea", "oil"]), narrowed(categories=["tea"]), f"{EARNS} when categories"),
        (narrowed(min_spend_minor=499), narrowed(min_spend_minor=500), f"{EARNS} when min_spend_minor"),
        (narrowed(hours=[{"from": "09:00", "to": "10:00"}]), narrowed(hours=[{"from": "09:00", "to": "11:00"}]),
         f"{EARNS} when hours"),  # cannot be decided
        (rule(unless={"categories": ["tea"]}), rule(unless={"categories": ["tea", "oil"]}),
         f"{EARNS} unless categories"),
        (rule(), rule(caps=[{"points": 5, "per": "member_day"}]), f"{EARNS} caps member_day"),
        (rule(caps=[{"points": 6, "per": "member_day"}]), rule(caps=[{"points": 5, "per": "member_day"}]),
         f"{EARNS} caps member_day points"),
        (tariff(points=1, per_grams=9), tariff(points=1, per_grams=9, caps=[{"points": 5, "per": "member_day"}]),
         "rules tariff caps member_day"),
        (rule(), rule(priority=5), f"{EARNS} priority"),
        (rule(), {"rules": [ONE_PER_YUAN, {**OTHER, "stop": True}]}, "rules other"),  # it may end evaluation
        (rule(), {"rules": [ONE_PER_YUAN, double(factor="1/2")]}, "rules double"),
        (rule(), {"rules": [ONE_PER_YUAN, double()], "combine_multipliers": "newest"}, "combine_multipliers"),
        (rule() | NEWEST, {"rules": [ONE_PER_YUAN, double()]} | NEWEST, "rules double"),  # it may replace a larger one
        (rule() | BEST, {"rules": [ONE_PER_YUAN, double(caps=[{"points": 5, "per": "campaign"}])]} | BEST,
         "rules double"),  # it wins by its factor and may add less
        (during("2026-11-01", "2026-12-02"), rule(), "rules double"),
        (during("2026-11-01", "2027-01-02"),
         during("2026-11-01", "2027-01-01"), "rules double when dates"),
        ({"rules": [ONE_PER_YUAN, double(factor=3)]}, {"rules": [ONE_PER_YUAN, double()]},
         "rules double factor numerator denominator"),
        (gift(), {"rewards": []}, "rewards fruit-box"),
        (gift(), gift(enabled=False), "rewards fruit-box available"),
        (gift(), gift(available={"from": "2026-11-01", "to": "2027-01-01"}), "rewards fruit-box available"),
        (gift(), gift(price={"points": 400, "money_minor": 1}), "rewards fruit-box price"),
        (gift(value=2_500), gift(value=2_499), "rewards fruit-box market_value_minor"),
        (gift(units_per_claim=2), gift(), "rewards fruit-box units_per_claim"),
        (gift(), gift(limits=[{"units": 1, "per": "month"}]), "rewards fruit-box limits month"),
        (gift(), gift(stock=[{"units": 0}]), "rewards fruit-box stock total"),
        (gift(), gift(eligibility={"balance_at_least": 100}), "rewards fruit-box eligibility balance_at_least"),
        (gift(), gift(kind="service_booking", booking={"capacity": 1}), "rewards fruit-box"),
        ({"expiry": {"years": 1}}, {"expiry": {"months": 11}}, "expiry"),
        ({"expiry": {"days": 31}}, {"expiry": {"months": 1}}, "expiry"),  # sooner after a month of 30 days
        ({"expiry": {"days": 30}}, {"expiry": {"months": 1}}, "expiry"),  # later in some months, sooner in February
        ({"expiry": "never"}, {"expiry": {"years": 100}}, "expiry"),
        ({"expiry": {"years": 1}}, {"expiry": {"years": 1, "after": "inactivity"}}, "expiry"),
        ({"merchants": []}, {"merchants": ["m-1"]}, "merchants"),
        ({"basis": {"tax": "included"}}, {"basis": {"tax": "excluded"}}, "basis tax"),
        ({"max_event_age_days": 180}, {"max_event_age_days": 179}, "max_event_age_days"),
        ({"claw_back_policy": "only_pending"}, {"claw_back_policy": "deficit"}, "claw_back_policy"),
        ({}, CORRECTED, "calendar notices"),
        (YEAR_2027, {}, "calendar notices"),
        (tariff(points=1, per_grams=1_000), tariff(points=2, per_grams=2_001), "rules tariff points per_grams"),
        (tariff(points=1, per_grams=1_000), tariff(points=9, per_pieces=1), "rules tariff per_pieces"),
        (tiers(100), {}, "tiers"),
        (tiers(100), tiers(101), "tiers levels t0 threshold"),
        (tiers(100, 200), tiers(100), "tiers levels t1"),
        (paying(), paying(minor=400),
         "point_payment minor points"),
        (paying(), {}, "point_payment"),
        (paying(step_points=50), paying(step_points=100), "point_payment step_points"),
        (paying(), paying(share_cap="50%"),
         "point_payment share_cap"),
    ],
)  # fmt: skip
def test_what_may_harm_a_member_needs_notice(old: dict[str, Any], new: dict[str, Any], what: str) -> None:
    assert what in adverse(old, new)
    assert adverse(old, new, at=IN_TIME) == []


def test_a_budget_that_ends_sooner_is_adverse_and_a_longer_one_is_not() -> None:
    longer = pack().model_dump(mode="json", by_alias=True)["budgets"][0]
    other = {**longer, "budget_id": "other"}
    shorter = {**other, "period": {"from": "2026-01-01", "to": "2029-01-01"}}
    assert adverse({}, {"budgets": [longer, other], **rule(budget_id="other")}) == []
    assert adverse({}, {"budgets": [longer, shorter], **rule(budget_id="other")}) == [f"{EARNS} budget_id"]


def test_a_price_that_a_published_version_already_ends_is_no_change() -> None:
    season = gift(special_prices=[{"points": 400, "season": "peak"}]) | {"seasons": [PEAK]}
    assert adverse(season, season) == []
    longer = {**PEAK, "periods": [{"from": "2026-11-01", "to": "2027-01-02"}]}
    assert adverse(season, {**season, "seasons": [longer]}) == []
    shorter = {**PEAK, "periods": [{"from": "2026-11-01", "to": "2026-12-31"}]}
    assert adverse(season, {**season, "seasons": [shorter]}) == ["rewards fruit-box price"]
    over = {**PEAK, "periods": [{"from": "2026-10-01", "to": "2026-12-01"}]}
    assert adverse({**season, "seasons": [over]}, gift()) == []


def test_a_price_for_a_tier_or_member_day_that_goes_is_adverse() -> None:
    for special in ({"tiers": ["t0"]}, {"member_day": True}):
        parts = tiers(100) | {"member_day": {"days_of_month": [8]}}
        old = gift(special_prices=[{"points": 400, **special}]) | parts
        assert adverse(old, gift() | parts) == ["rewards fruit-box price"]


def test_a_rule_that_is_over_may_change_as_it_likes() -> None:
    for end, found in (("2026-12-01", []), ("2026-12-02", ["rules double factor numerator denominator"])):
        dates = {"dates": [{"from": "2026-11-01", "to": end}]}
        rules = [[ONE_PER_YUAN, double(when=dates, factor=factor)] for factor in (3, 2)]
        assert adverse({"rules": rules[0]}, {"rules": rules[1]}) == found


def test_a_tier_s_price_that_moves_to_another_tier_is_adverse_for_the_first() -> None:
    low, high = (gift(special_prices=[{"points": 400, "tiers": names}]) for names in (["t0"], ["t0", "t1"]))
    assert adverse(low | tiers(1, 2), high | tiers(1, 2)) == []
    assert adverse(high | tiers(1, 2), low | tiers(1, 2)) == ["rewards fruit-box price"]


def test_what_cannot_be_decided_says_so() -> None:
    (found,) = run(check, pack(version=2, **rule(priority=5)), pack())
    assert "counts as adverse" in found.text("en")


def version(number: int, effective_at: str, **changes: Any) -> ProgramVersion:
    made = pack(version=number, effective_at=effective_at, **changes)
    return ProgramVersion.of(made, made.effective_at - timedelta(days=30), made.effective_at - timedelta(days=30))


def test_a_harsher_version_announced_for_later_cannot_be_brought_forward() -> None:
    """v2 (dearer) was published in time for January; v3 says the same from tomorrow: v1 still stands until then."""
    book = ProgramBook().with_record(version(1, "2026-01-01T00:00:00+08:00", **gift(points=500)))
    book = book.with_record(version(2, "2027-01-01T00:00:00+08:00", **gift(points=600)))
    third = pack(version=3, **gift(points=600))
    assert [one.version for one in promised_versions(book, third, TOO_LATE)] == [1]
    assert run(check, third, *promised_versions(book, third, TOO_LATE)) != ()
    assert promised_versions(book, third, IN_TIME - timedelta(days=1)) == ()


def test_a_better_version_that_begins_within_the_notice_was_promised_too() -> None:
    book = ProgramBook().with_record(version(1, "2026-01-01T00:00:00+08:00", **gift(points=500)))
    better = version(2, "2026-12-01T12:00:00+08:00", **gift(points=400))
    book = book.with_record(better)
    third = pack(version=3, **gift(points=500))
    promised = promised_versions(book, third, TOO_LATE)
    assert [one.version for one in promised] == [1, 2]
    (found,) = run(check, third, *promised)
    assert dict(found.values)["version"] == 2
