"""Prices, limits, stock lines and conditions of one version at one moment; no service, no clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.redemption.domain.catalogue import Catalogue, catalogue_at
from services.redemption.domain.claims import (
    NoSuchRewardError,
    PlannedClaim,
    Wish,
    WrongSlotError,
    counts_in_force,
    plan_claims,
)
from services.redemption.domain.counts import Count, period_start, slot_count, smallest, stock_counts
from services.redemption.domain.offers import Offer, offers
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.standing import PurchasedLine, Standing
from shared.events.reason_codes import ReasonCode
from shared.programs.changes.prices import DayKind, price_on
from shared.programs.prices import Price
from shared.programs.rewards import REWARD_KINDS
from shared.programs.versions import ProgramVersion
from tests.integration.redemption.storefront import BRONZE_AND_GOLD
from tests.unit.programs.packs import pack, reward
from tests.unit.programs.test_product_figures import priced

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)  # in Shanghai: a Sunday, lunar 10-14
SEASON = {"season_id": "winter", "name": {"zh-CN": "冬", "en": "Winter"}}
BOOKING = {"capacity": 2, "slots": ["09:00", "14:30"], "free_until_hours": 24, "no_show_points": 100}


def catalogue(*rewards: dict[str, Any], at: datetime = NOON, **parts: Any) -> Catalogue:
    return catalogue_at(pack(**{"rewards": list(rewards) or [reward()], **parts}), at)


def price_of(made: Catalogue, tier: str | None = None) -> tuple[int, int]:
    price = made.price(made.rewards["fruit-box"], tier)
    return price.points, price.money_minor


def plan(made: Catalogue, *wishes: Wish, standing: Standing | None = None, **quoted: Price) -> tuple[PlannedClaim, ...]:
    return plan_claims(
        made, standing or Standing(), wishes, {name.replace("_", "-"): one for name, one in quoted.items()}
    )


def refused(made: Catalogue, *wishes: Wish, standing: Standing | None = None) -> ReasonCode:
    with pytest.raises(RefusedError) as error:
        plan(made, *wishes, standing=standing)
    return error.value.code


@pytest.mark.parametrize(
    ("special", "points"),
    [
        ({"points": 400, "period": {"from": "2026-11-22", "to": "2026-11-23"}}, 400),
        ({"points": 400, "period": {"from": "2026-11-21", "to": "2026-11-22"}}, 500),  # over at midnight
        ({"points": 400, "period": {"from": "2026-11-23", "to": "2026-12-01"}}, 500),
        ({"points": 400, "member_day": True}, 400),
        ({"points": 400, "season": "winter"}, 400),
        ({"points": 400, "lunar_days": [14]}, 400),
        ({"points": 400, "lunar_days": [13, 15]}, 500),
        ({"points": 400, "lunar_days": "逢四"}, 400),
        ({"points": 600, "lunar_days": [14]}, 500),  # dearer than the usual price: the usual one counts
        ({"points": 400, "tiers": ["gold"]}, 500),
        ({"points": 400, "season": "winter", "tiers": ["gold"]}, 500),
    ],
)
def test_the_cheapest_price_that_holds_today_counts(special: dict[str, Any], points: int) -> None:
    made = catalogue(
        reward(special_prices=[special]),
        member_day={"days_of_month": [22]},
        seasons=[{**SEASON, "periods": [{"from": "2026-11-01", "to": "2027-03-01"}]}],
        tiers=BRONZE_AND_GOLD,
    )
    assert price_of(made) == (points, 0)
    if "tiers" in special:
        assert price_of(made, "gold") == (400, 0)
        assert price_of(made, "bronze") == (500, 0)


@given(priced(), st.integers(-20, 60), st.sampled_from([None, "gold"]))
def test_the_price_members_pay_is_the_one_that_a_change_is_judged_by(
    one: dict[str, Any], offset: int, tier: str | None
) -> None:
    """C21 and the catalogue read a price list alike."""
    levels = {**BRONZE_AND_GOLD, "levels": BRONZE_AND_GOLD["levels"][1:]}
    at = datetime(2026, 12, 1, 4, tzinfo=UTC) + timedelta(days=offset)
    made = catalogue(one, at=at, member_day={"days_of_month": [8]}, tiers=levels)
    box, kind = made.rewards["fruit-box"], DayKind(made.is_member_day, made.day.lunar.day)
    judged = price_on(box, made.pack, made.today, tier, kind)
    assert judged == (made.price(box, tier) if made.is_offered(box) else None)


def test_of_equal_points_the_least_money_counts() -> None:
    special = [
        {"points": 500, "money_minor": 900, "member_day": True},
        {"points": 500, "money_minor": 800, "lunar_days": [14]},
    ]
    made = catalogue(
        reward(price={"points": 500, "money_minor": 1_000}, special_prices=special), member_day={"lunar_days": [14]}
    )
    assert price_of(made) == (500, 800)


def test_a_day_begins_at_midnight_of_the_programs_time_zone() -> None:
    special = [{"points": 400, "period": {"from": "2026-11-22", "to": "2026-11-23"}}]
    late = datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
    assert price_of(catalogue(reward(special_prices=special), at=late)) == (400, 0)
    assert price_of(catalogue(reward(special_prices=special), at=late + timedelta(seconds=1))) == (500, 0)


def test_rewards_come_and_go_by_date_and_by_version() -> None:
    dated = reward(available={"from": "2026-11-22", "to": "2026-11-23"})
    for day, there in ((21, False), (22, True), (23, False)):
        made = catalogue(dated, at=datetime(2026, 11, day, 4, tzinfo=UTC))
        assert made.is_offered(made.rewards["fruit-box"]) is there
    assert not catalogue(reward(enabled=False)).is_offered(catalogue(reward(enabled=False)).rewards["fruit-box"])
    with pytest.raises(NoSuchRewardError):
        plan(catalogue(dated, at=datetime(2026, 11, 23, 4, tzinfo=UTC)), Wish("fruit-box", 1))


def test_what_was_quoted_keeps_its_price_and_outlives_its_last_day() -> None:
    made = catalogue(reward(enabled=False))
    (claim,) = plan(made, Wish("fruit-box", 2), fruit_box=Price(points=300, money_minor=50))
    assert (claim.points, claim.money_minor) == (600, 100)


def test_units_are_claimed_by_the_handful() -> None:
    made = catalogue(reward(units_per_claim=3, stock=[{"units": 10}]))
    (claim,) = plan(made, Wish("fruit-box", 7))
    assert (claim.claims, claim.points, claim.quantity) == (3, 1_500, 7)


def test_stock_lines_count_in_their_own_periods() -> None:
    made = catalogue(
        reward(
            stock=[
                {"units": 100},
                {"units": 5, "per": "day"},
                {"units": 4, "per": "day"},  # of two lines of one period the smaller counts
                {"units": 20, "per": "week"},
                {"units": 50, "per": "month", "period": {"from": "2026-11-01", "to": "2026-12-01"}},
                {"units": 0, "per": "total", "period": {"from": "2026-12-01", "to": "2027-01-01"}},
            ]
        )
    )
    assert smallest(stock_counts(made.rewards["fruit-box"], made.today)) == (
        Count("fruit-box", "day", "2026-11-22", 4),
        Count("fruit-box", "month from 2026-11-01", "2026-11-01", 50),
        Count("fruit-box", "total", "", 100),
        Count("fruit-box", "week", "2026-11-16", 20),
    )


def test_a_draw_runs_out_of_entries() -> None:
    draw = {"entries": 1_000, "prizes": [{"name": {"zh-CN": "奖", "en": "P"}, "quantity": 1, "value_minor": 100}]}
    made = catalogue(reward(kind="event_entry", draw=draw))
    assert stock_counts(made.rewards["fruit-box"], made.today) == (Count("fruit-box", "entries", "", 1_000),)


@pytest.mark.parametrize(
    ("per", "first"),
    [
        ("day", "2026-11-22"),
        ("week", "2026-11-16"),
        ("month", "2026-11-01"),
        ("year", "2026-01-01"),
        ("lifetime", "1900-01-01"),
    ],
)
def test_where_a_period_begins(per: Any, first: str) -> None:
    assert period_start(date(2026, 11, 22), per) == date.fromisoformat(first)


@pytest.mark.parametrize(
    ("per", "had_on", "wished", "passes"),
    [
        ("day", date(2026, 11, 21), 2, True),
        ("day", date(2026, 11, 22), 1, True),
        ("day", date(2026, 11, 22), 2, False),
        ("week", date(2026, 11, 16), 2, False),
        ("week", date(2026, 11, 15), 2, True),
        ("month", date(2026, 10, 31), 2, True),
        ("year", date(2026, 1, 1), 2, False),
        ("lifetime", date(2020, 1, 1), 2, False),
        ("order", date(2026, 11, 22), 2, True),
        ("order", date(2026, 11, 22), 3, False),
    ],
)
def test_limits_count_what_the_member_had_in_the_period(per: str, had_on: date, wished: int, passes: bool) -> None:
    made = catalogue(reward(limits=[{"units": 2, "per": per}]))
    standing = Standing(claimed={"fruit-box": {had_on: 1}})
    if passes:
        assert plan(made, Wish("fruit-box", wished), standing=standing)
    else:
        assert refused(made, Wish("fruit-box", wished), standing=standing) is ReasonCode.LIMIT_REACHED


def test_two_lines_of_one_order_share_a_limit() -> None:
    made = catalogue(reward(limits=[{"units": 2, "per": "order"}]))
    assert refused(made, Wish("fruit-box", 1), Wish("fruit-box", 2)) is ReasonCode.LIMIT_REACHED


@pytest.mark.parametrize(
    ("asked", "standing", "passes"),
    [
        ({"tiers": ["gold"]}, Standing(tier="gold"), True),
        ({"tiers": ["gold"]}, Standing(tier="bronze"), False),
        ({"tiers": ["gold"]}, Standing(), False),
        ({"balance_at_least": 100}, Standing(spendable=100), True),
        ({"balance_at_least": 100}, Standing(spendable=99, lifetime=1_000), False),
        ({"lifetime_at_least": 100}, Standing(lifetime=100), True),
        ({"lifetime_at_least": 100}, Standing(lifetime=99, spendable=1_000), False),
        ({"tiers": ["gold"], "lifetime_at_least": 100}, Standing(tier="gold", lifetime=99), False),
    ],
)
def test_everything_that_is_asked_for_must_be_so(asked: dict[str, Any], standing: Standing, passes: bool) -> None:
    made = catalogue(reward(eligibility=asked), tiers=BRONZE_AND_GOLD)
    if passes:
        assert plan(made, Wish("fruit-box", 1), standing=standing)
    else:
        assert refused(made, Wish("fruit-box", 1), standing=standing) is ReasonCode.NOT_ELIGIBLE


def bought(line: str, day: int, *labels: str) -> PurchasedLine:
    return PurchasedLine("shop", "receipt", line, frozenset(labels or ("melon",)), date(2026, 11, day))


def test_a_purchase_serves_once_the_oldest_first_and_not_for_ever() -> None:
    made = catalogue(reward(eligibility={"purchased": {"labels": ["melon"], "within_days": 7}}))
    old, first, second, pear = bought("1", 14), bought("2", 15), bought("3", 20), bought("4", 20, "pear")
    standing = Standing(purchases=(old, first, second, pear))
    one, two = plan(made, Wish("fruit-box", 1), Wish("fruit-box", 1), standing=standing)
    assert (one.purchases, two.purchases) == ((first,), (second,))
    assert refused(made, Wish("fruit-box", 3), standing=standing) is ReasonCode.NOT_ELIGIBLE


def test_a_booking_names_a_slot_that_is_to_come() -> None:
    made = catalogue(reward(kind="service_booking", booking=BOOKING))
    (claim,) = plan(made, Wish("fruit-box", 1, "2026-11-23T09:00"))
    assert claim.begins_at == datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert claim.free_until == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert claim.counts == (Count("fruit-box", "slot", "2026-11-23T09:00", 2),)
    wrong = ("2026-11-23", "2026-11-23T10:00", "2026-11-23T9:00", "20261123T09:00", "2026-11-22T09:00", None, "soon")
    for slot in wrong:
        with pytest.raises(WrongSlotError):
            plan(made, Wish("fruit-box", 1, slot))
    with pytest.raises(WrongSlotError):
        plan(catalogue(), Wish("fruit-box", 1, "2026-11-23"))


def test_what_runs_out_is_counted_as_the_version_in_force_has_it() -> None:
    slot = "2026-11-23T14:30"
    quoted = catalogue(reward(kind="service_booking", booking=BOOKING, stock=[{"units": 9}]))
    now = catalogue(
        reward(kind="service_booking", booking={**BOOKING, "capacity": 7}, stock=[{"units": 5, "per": "day"}])
    )
    of_day = Count("fruit-box", "day", "2026-11-22", 5)
    (claim,) = plan_claims(quoted, Standing(), [Wish("fruit-box", 1, slot)], now=now)
    assert claim.counts == (of_day, Count("fruit-box", "slot", slot, 7))
    other, goods = catalogue(reward(reward_id="other")), catalogue(reward(stock=[{"units": 5, "per": "day"}]))
    booked, old_room = quoted.rewards["fruit-box"], Count("fruit-box", "slot", slot, 2)
    assert counts_in_force(other, booked, slot) == (old_room, Count("fruit-box", "total", "", 9))
    assert counts_in_force(goods, booked, slot) == (of_day, old_room)  # no booking any more


def test_a_booking_without_hours_is_for_a_date_today_included() -> None:
    made = catalogue(reward(kind="upgrade", booking={"capacity": 1}))
    assert plan(made, Wish("fruit-box", 1, "2026-11-22"))[0].begins_at == datetime(2026, 11, 21, 16, tzinfo=UTC)
    assert slot_count(made.rewards["fruit-box"], "2026-11-22") == Count("fruit-box", "slot", "2026-11-22", 1)
    for slot in ("2026-11-21", "2026-11-22T00:00"):
        with pytest.raises(WrongSlotError):
            plan(made, Wish("fruit-box", 1, slot))


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "9999-01-01"])
def test_a_day_at_the_end_of_all_calendars_is_a_wrong_slot_and_no_accident(zone: str, day: str) -> None:
    dated = catalogue(reward(kind="upgrade", booking={"capacity": 1, "free_until_hours": 8_760}), time_zone=zone)
    hourly = catalogue(reward(kind="upgrade", booking={"capacity": 1, "slots": ["23:59"]}), time_zone=zone)
    for made, slot in ((dated, day), (hourly, f"{day}T23:59"), (dated, "0001-01-02")):
        with pytest.raises(WrongSlotError):
            plan(made, Wish("fruit-box", 1, slot))


def seen(made: Catalogue, standing: Standing, **more: Any) -> dict[str, Offer]:
    return {offer.reward.reward_id: offer for offer in offers(made, standing, more.pop("taken", {}), **more)}


def test_an_offer_says_what_is_missing() -> None:
    made = catalogue(
        reward(stock=[{"units": 3}], limits=[{"units": 2, "per": "year"}]),
        reward(reward_id="gone", stock=[{"units": 0}]),
    )
    rich = seen(made, Standing(spendable=500))["fruit-box"]
    assert (rich.can_claim, rich.points_short, rich.left, rich.limit_left) == (True, 0, 3, 2)
    poor = seen(made, Standing(spendable=380))["fruit-box"]
    assert (poor.can_claim, poor.points_short) == (False, 120)
    assert (poor.short_by_at_most(120), poor.short_by_at_most(119)) == (True, False)
    held = seen(made, Standing(spendable=380, held=120))["fruit-box"]
    assert [why.code for why in held.obstacles] == [ReasonCode.HELD_FOR_REVIEW]
    had = seen(made, Standing(spendable=500, claimed={"fruit-box": {date(2026, 1, 1): 2}}))["fruit-box"]
    assert [why.code for why in had.obstacles] == [ReasonCode.LIMIT_REACHED]
    assert [why.code for why in seen(made, Standing(spendable=500))["gone"].obstacles] == [ReasonCode.OUT_OF_STOCK]


def test_a_tier_sees_what_is_new_some_days_earlier_and_cannot_claim_it_earlier() -> None:
    soon = reward(reward_id="soon", available={"from": "2026-11-29", "to": "2027-01-01"})
    later = reward(reward_id="later", available={"from": "2026-11-30", "to": "2027-01-01"})
    made = catalogue(reward(), soon, later, tiers=BRONZE_AND_GOLD)
    assert set(seen(made, Standing(tier="bronze"))) == {"fruit-box"}
    gold = seen(made, Standing(tier="gold", spendable=10_000))
    assert set(gold) == {"fruit-box", "soon"}
    assert (gold["soon"].can_claim, gold["soon"].coming_on) == (False, date(2026, 11, 29))
    with pytest.raises(NoSuchRewardError):
        plan(made, Wish("soon", 1), standing=Standing(tier="gold"))


def test_a_tier_sees_what_the_next_version_brings() -> None:
    made = catalogue(reward(), tiers=BRONZE_AND_GOLD)
    upcoming = pack(
        version=2,
        effective_at="2026-11-26T00:00:00+08:00",
        tiers=BRONZE_AND_GOLD,
        rewards=[
            reward(),
            reward(reward_id="new"),
            reward(reward_id="much-later", available={"from": "2027-01-01", "to": "2027-02-01"}),
        ],
    )
    version = ProgramVersion.of(upcoming, NOON, NOON)
    gold = seen(made, Standing(tier="gold"), upcoming=version)
    assert set(gold) == {"fruit-box", "new"}
    assert gold["new"].coming_on == date(2026, 11, 26)
    assert set(seen(made, Standing(tier="bronze"), upcoming=version)) == {"fruit-box"}


def test_every_kind_of_reward_can_be_planned() -> None:
    more: dict[str, dict[str, Any]] = {
        "service_booking": {"booking": {"capacity": 1}},
        "upgrade": {"booking": {"capacity": 1}},
        "voucher_amount": {"amount_minor": 100, "valid_days": 30},
        "voucher_threshold": {"amount_minor": 100, "threshold_minor": 200, "valid_days": 30},
        "voucher_percent": {"percent": "10%", "max_minor": 100, "valid_days": 30},
        "partner_benefit": {"partner_id": "tea-house"},
        "travel_coupon": {"valid_days": 30},
    }
    rewards = [reward(reward_id=kind, kind=kind, **more.get(kind, {})) for kind in REWARD_KINDS]
    made = catalogue(*rewards, partners=[{"partner_id": "tea-house", "name": {"zh-CN": "茶", "en": "Tea"}}])
    wishes = [Wish(kind, 1, "2026-12-01" if "booking" in more.get(kind, {}) else None) for kind in REWARD_KINDS]
    assert [claim.points for claim in plan(made, *wishes)] == [500] * 10
