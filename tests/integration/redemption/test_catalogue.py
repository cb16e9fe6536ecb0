"""The catalogue over HTTP: what is offered, to whom, at which price; quotes; purchases that make eligible."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.redemption.domain.claims import Wish
from services.redemption.domain.clock import catch_up
from services.redemption.domain.refused import RefusedError
from services.redemption.requests.plan_order import Plan, plan_order
from services.redemption.store.queries import read_clock, read_wallet
from shared.events.event import Money
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_granted import GrantLine, GrantSource, PointsGranted
from shared.events.reason_codes import ReasonCode
from tests.integration.redemption.harness import (
    PROGRAM,
    Redemption,
    Told,
    clawed_back,
    grant,
    grant_id,
    hold,
    long_ago,
    registered,
)
from tests.integration.redemption.storefront import BRONZE_AND_GOLD, ask_quote, give_tier, offered, open_shop
from tests.unit.programs.packs import reward

pytestmark = pytest.mark.asyncio(loop_scope="session")

_BOX = {"reward_id": "fruit-box", "quantity": 1}
_MELON = {"purchased": {"labels": ["melon"], "within_days": 7}}


async def plan(redemption: Redemption, *wishes: Wish, quote_id: Any = None, member: str = "m-1") -> Plan:
    """As an order would plan it."""
    pool, programs = redemption.running.pool, redemption.running.programs
    async with pool.acquire() as connection:
        wallet = await read_wallet(connection, (PROGRAM, member))
        assert wallet is not None
        now = await read_clock(connection)
        return await plan_order(connection, programs, (PROGRAM, member), catch_up(wallet)[0], wishes, now, quote_id)


async def test_the_catalogue_is_the_same_for_whoever_asks_and_says_all_terms(redemption: Redemption) -> None:
    open_shop(
        redemption,
        {
            "tiers": BRONZE_AND_GOLD,
            "rewards": [
                reward(special_prices=[{"points": 400, "tiers": ["gold"]}], stock=[{"units": 5}]),
                reward(reward_id="off", enabled=False),
                reward(reward_id="spa", kind="service_booking", booking={"capacity": 1}, return_days=0),
            ],
        },
    )
    answer = await redemption.http.get(f"/v1/programs/{PROGRAM}/catalogue")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    box, spa = told["rewards"]
    assert (told["version"], told["currency"], told["next_after"]) == (1, "CNY", None)
    assert box["reward"]["name"] == {"zh-CN": "鲜果", "en": "Fruit"}
    assert (box["price"], box["left"]) == ({"points": 500, "money_minor": 0}, 5)
    assert box["prices"] == [{"points": 400, "money_minor": 0, "tier": "gold"}]
    assert (box["supplier"], box["reward"]["quality"]) == ("Orchard Co., Ltd.", None)
    assert spa["reward"]["booking"]["free_until_hours"] == 24
    assert (await redemption.http.get("/v1/programs/nowhere/catalogue")).status_code == 404


async def test_pages_go_on_where_the_last_one_ended(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward(reward_id=f"r-{place}") for place in range(5)]})
    await redemption.post(registered("m-1"))
    for path in (f"/v1/programs/{PROGRAM}/catalogue", f"/v1/programs/{PROGRAM}/members/m-1/catalogue"):
        found, after = [], ""
        while after is not None:
            page = (await redemption.http.get(path, params={"limit": 2, "after": after})).json()
            found += [one["reward"]["reward_id"] for one in page.get("rewards") or page["offers"]]
            after = page["next_after"]
        assert found == [f"r-{place}" for place in range(5)]


async def test_a_member_sees_what_can_be_redeemed_and_what_it_is_short_of(redemption: Redemption) -> None:
    rewards = [reward(points=points, reward_id=f"for-{points}") for points in (100, 300, 350, 900)]
    gold = reward(reward_id="gold-only", eligibility={"tiers": ["gold"]}, points=100)
    rich = reward(reward_id="lifetime", eligibility={"lifetime_at_least": 301}, points=100)
    open_shop(redemption, {"tiers": BRONZE_AND_GOLD, "rewards": [*rewards, gold, rich]})
    await redemption.post(registered("m-1"))
    await redemption.post(grant("r-1", 300), grant("r-2", 50, wait_days=None))
    found = await offered(redemption)
    assert {name for name, offer in found.items() if offer["can_claim"]} == {"for-100", "for-300"}
    assert found["for-350"]["points_short"] == 50
    assert found["for-350"]["obstacles"][0]["code"] == "INSUFFICIENT_POINTS"
    assert found["for-350"]["obstacles"][0]["reason"]["zh-CN"] == "可用积分不足。"
    assert found["gold-only"]["obstacles"][0]["code"] == "NOT_ELIGIBLE"
    assert set(await offered(redemption, short_by=0)) == {"for-100", "for-300"}
    assert set(await offered(redemption, short_by=50)) == {"for-100", "for-300", "for-350"}
    await give_tier(redemption, "gold")
    await redemption.post(grant("r-3", 1))
    assert set(await offered(redemption, short_by=0)) == {"for-100", "for-300", "gold-only", "lifetime"}
    await redemption.post(hold("h-1", points=200))
    assert (await offered(redemption))["for-300"]["obstacles"][0]["code"] == "HELD_FOR_REVIEW"


async def test_prices_follow_the_members_tier_and_nothing_else(redemption: Redemption) -> None:
    open_shop(
        redemption,
        {"tiers": BRONZE_AND_GOLD, "rewards": [reward(special_prices=[{"points": 400, "tiers": ["gold"]}])]},
    )
    await redemption.post(registered("m-1"), registered("m-2"))
    await give_tier(redemption, "gold")
    assert (await offered(redemption))["fruit-box"]["price"]["points"] == 400
    assert (await offered(redemption, "m-2"))["fruit-box"]["price"]["points"] == 500
    quoted = [(await ask_quote(redemption, _BOX, member=member)).json()["points"] for member in ("m-1", "m-2")]
    assert quoted == [400, 500]


async def test_a_new_version_changes_the_catalogue_of_the_running_service(redemption: Redemption) -> None:
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    first = {"tiers": BRONZE_AND_GOLD, "rewards": [reward(), reward(reward_id="old")]}
    then = {**first, "rewards": [reward(600), reward(reward_id="new")]}
    open_shop(redemption, first, {**then, "effective_at": in_an_hour})
    await redemption.post(registered("m-1"))
    assert set(await offered(redemption)) == {"fruit-box", "old"}
    await give_tier(redemption, "gold")
    early = await offered(redemption)
    assert set(early) == {"fruit-box", "old", "new"}
    assert early["new"]["can_claim"] is False and early["new"]["coming_on"] is not None
    open_shop(redemption, first, then)
    changed = await offered(redemption)
    assert {name: offer["price"]["points"] for name, offer in changed.items()} == {"fruit-box": 600, "new": 500}


async def test_a_quote_is_kept_once_and_honoured_after_the_price_rose(redemption: Redemption) -> None:
    first = {"rewards": [reward(price={"points": 500, "money_minor": 200}), reward(reward_id="other")]}
    open_shop(redemption, first)
    await redemption.post(registered("m-1"))
    answer = await ask_quote(redemption, {**_BOX, "quantity": 3})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["points"], told["money_minor"], told["version"], told["currency"]) == (1_500, 600, 1, "CNY")
    assert datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["quoted_at"]) == timedelta(
        minutes=10
    )
    open_shop(redemption, first, {"rewards": [reward(800)]})
    again = await ask_quote(redemption, {**_BOX, "quantity": 3})
    assert again.json() == told
    read = await redemption.http.get(f"/v1/programs/{PROGRAM}/members/m-1/quotes/{told['quote_id']}")
    assert read.json() == told
    other = await ask_quote(redemption, _BOX)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    promised = await plan(redemption, quote_id=told["quote_id"])
    assert (promised.points, promised.money_minor, promised.price_version, promised.now.version) == (1_500, 600, 1, 2)
    assert (await plan(redemption, Wish("fruit-box", 3))).points == 2_400


async def test_a_quote_is_the_members_own_and_ends(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward()], "quote_minutes": 15})
    await redemption.post(registered("m-1"), registered("m-2"))
    quote_id = (await ask_quote(redemption, _BOX)).json()["quote_id"]
    path = f"/v1/programs/{PROGRAM}/members/m-2/quotes/{quote_id}"
    assert (await redemption.http.get(path)).status_code == 404
    await redemption.running.pool.execute(
        "UPDATE quote SET quoted_at = quoted_at - interval '900 s', expires_at = expires_at - interval '900 s'"
    )
    with pytest.raises(RefusedError) as refused:
        await plan(redemption, quote_id=quote_id)
    assert refused.value.code is ReasonCode.QUOTE_EXPIRED


async def test_a_recall_stops_even_what_was_quoted(redemption: Redemption) -> None:
    first = {"rewards": [reward()]}
    open_shop(redemption, first)
    await redemption.post(registered("m-1"))
    quote_id = (await ask_quote(redemption, _BOX)).json()["quote_id"]
    recalled = reward(enabled=False, quality={"supplier": "S", "recalled": True})
    open_shop(redemption, first, {"rewards": [recalled]})
    with pytest.raises(RefusedError) as refused:
        await plan(redemption, quote_id=quote_id)
    assert refused.value.code is ReasonCode.REWARD_RECALLED


async def test_what_cannot_be_quoted_is_refused_and_kept(redemption: Redemption) -> None:
    open_shop(
        redemption,
        {
            "rewards": [
                reward(stock=[{"units": 2}], limits=[{"units": 5, "per": "year"}]),
                reward(reward_id="spa", kind="upgrade", booking={"capacity": 1}),
            ]
        },
    )
    await redemption.post(registered("m-1"))
    out = await ask_quote(redemption, {**_BOX, "quantity": 3}, key="a")
    assert (out.status_code, out.json()["code"], out.json()["control"]) == (409, "OUT_OF_STOCK", "C16")
    much = await ask_quote(redemption, {**_BOX, "quantity": 6}, key="b")
    assert (much.status_code, much.json()["code"]) == (409, "LIMIT_REACHED")
    assert (await ask_quote(redemption, {"reward_id": "none", "quantity": 1}, key="c")).status_code == 404
    assert (await ask_quote(redemption, {"reward_id": "spa", "quantity": 1}, key="d")).status_code == 422
    assert (await ask_quote(redemption, _BOX, key="e", member="stranger")).status_code == 404
    assert (await ask_quote(redemption, key="f")).status_code == 422
    kept = await redemption.running.pool.fetch("SELECT code, subject, reward_id FROM refusal ORDER BY refusal_id")
    assert [tuple(row) for row in kept] == [
        ("OUT_OF_STOCK", "quote", "fruit-box"), ("LIMIT_REACHED", "quote", "fruit-box"),
    ]  # fmt: skip


async def test_one_key_sent_many_times_at_once_makes_one_quote(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward()]})
    await redemption.post(registered("m-1"))
    answers = await asyncio.gather(*(ask_quote(redemption, _BOX) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


async def test_slots_tell_what_is_left(redemption: Redemption) -> None:
    booking = {"capacity": 2, "slots": ["23:59", "00:01"]}
    open_shop(redemption, {"rewards": [reward(reward_id="spa", kind="service_booking", booking=booking), reward()]})
    day = datetime.now(ZoneInfo("Asia/Shanghai")).date() + timedelta(days=1)
    path = f"/v1/programs/{PROGRAM}/catalogue/spa/slots"
    await redemption.running.pool.execute(
        "INSERT INTO stock_count VALUES ($1, 'spa', 'slot', $2, 2, 1)", PROGRAM, f"{day}T23:59"
    )
    told = (await redemption.http.get(path, params={"from": str(day), "days": 1})).json()
    assert [(slot["slot"], slot["left"]) for slot in told["slots"]] == [(f"{day}T00:01", 2), (f"{day}T23:59", 1)]
    assert (await redemption.http.get(f"/v1/programs/{PROGRAM}/catalogue/fruit-box/slots")).status_code == 404
    last = await redemption.http.get(path, params={"from": "9999-12-31", "days": 62})
    assert last.status_code == 200, last.text


def with_lines(name: str, *labels: tuple[str, ...], member: str = "m-1", days_ago: int = 1) -> Told:
    """points.granted of a receipt whose lines bear these labels, 10 points each."""
    time = long_ago(days_ago)
    data = PointsGranted(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"purchase-{name}",
        correlation_id=f"purchase-{name}",
        rule_version=1,
        grant_id=str(grant_id(name)),
        points=10 * len(labels),
        points_class="CONSUMPTION",
        source=GrantSource(
            type="purchase.completed", id=f"purchase-{name}", receipt_id=f"receipt-{name}", merchant_id="shop"
        ),
        lines=tuple(
            GrantLine(line_id=str(place), sku="SKU", labels=of_line, points=10)
            for place, of_line in enumerate(labels, 1)
        ),
        available_at=time,
        budget_id="marketing-2026",
        expected_cost=Money(amount_minor=50, currency="CNY"),
    )
    return Told(f"granted-{name}", "/earning", time, data)


def refund_of(name: str, *of: str, points: int, lines: dict[str, int]) -> Told:
    plain = clawed_back(name, points, of=of[0])
    assert isinstance(plain.data, PointsClawedBack)
    told = tuple(GrantLine(line_id=line, points=taken) for line, taken in lines.items())
    return Told(plain.id, plain.source, plain.time, plain.data.model_copy(update={"lines": told}))


async def kept_lines(redemption: Redemption) -> list[tuple[Any, ...]]:
    rows = await redemption.running.pool.fetch(
        "SELECT receipt_id, line_id, points, clawed_back FROM purchased_line ORDER BY receipt_id, line_id"
    )
    return [tuple(row) for row in rows]


async def test_a_purchase_with_the_label_makes_eligible_until_it_is_refunded(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward(20, eligibility=_MELON)]})
    await redemption.post(registered("m-1"))
    await redemption.post(with_lines("a", ("melon", "ripe"), ("pear",), ()), grant("plain", 100))
    assert await kept_lines(redemption) == [("receipt-a", "1", 10, 0)]
    assert (await offered(redemption))["fruit-box"]["can_claim"] is True
    (claim,) = (await plan(redemption, Wish("fruit-box", 1))).claims
    assert [line.receipt_id for line in claim.purchases] == ["receipt-a"]
    await redemption.post(refund_of("half", "a", points=4, lines={"1": 4}))
    assert (await offered(redemption))["fruit-box"]["can_claim"] is True
    await redemption.post(refund_of("rest", "a", points=6, lines={"1": 6}))
    assert await kept_lines(redemption) == [("receipt-a", "1", 10, 10)]
    assert (await offered(redemption))["fruit-box"]["obstacles"][0]["code"] == "NOT_ELIGIBLE"


async def test_a_purchase_counts_for_so_many_days(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward(20, eligibility=_MELON)]})
    await redemption.post(registered("m-1"), registered("m-2"))
    await redemption.post(with_lines("late", ("melon",), days_ago=9), grant("plain", 100))
    await redemption.post(with_lines("fresh", ("melon",), member="m-2", days_ago=6), grant("more", 100, member="m-2"))
    assert (await offered(redemption))["fruit-box"]["can_claim"] is False
    assert (await offered(redemption, "m-2"))["fruit-box"]["can_claim"] is True


async def test_labels_that_no_reward_asks_for_are_not_kept(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward(20)]})
    await redemption.post(with_lines("a", ("melon",)))
    assert await kept_lines(redemption) == []
