"""The redeemability index (M45): how many points could be spent today; stock-outs, refusals, time to fulfil."""

from typing import Any

import pytest

from services.redemption.store.redeemability import read_spendable
from tests.integration.redemption.harness import PROGRAM, Redemption, grant, hold, registered
from tests.integration.redemption.ordering import SPA, done, enrol, line, open_for_orders, order, ordered
from tests.integration.redemption.storefront import BRONZE_AND_GOLD, give_tier
from tests.unit.programs.packs import reward
from tests.unit.redemption.contracts import partner, partners_reward

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def index(redemption: Redemption, **query: int) -> dict[str, Any]:
    answer = await redemption.http.get(f"/v1/programs/{PROGRAM}/redeemability", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_points_count_once_their_member_reaches_something_in_stock(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(500, 5_000, stock=[{"units": 1}]), reward(800, 8_000, reward_id="lamp"))
    for member, points in {"rich": 1_000, "able": 600, "poor": 400}.items():
        await enrol(redemption, points, member)

    told = await index(redemption)
    assert (told["outstanding"], told["spendable"], told["share_permille"]) == (2_000, 1_600, 800)
    assert (told["members"], told["members_that_reach"]) == (3, 2)
    assert told["tiers"] == [{"tier": None, "least_points": 500}]
    assert (told["rewards_offered"], told["rewards_in_stock"], told["stock_outs"]) == (2, 2, [])

    await ordered(redemption, line("fruit-box"), member="rich")  # the last one: 500 points left there
    assert (await order(redemption, line("fruit-box"), member="able", key="o2")).status_code == 409
    told = await index(redemption)
    assert (told["outstanding"], told["spendable"], told["share_permille"]) == (1_500, 0, 0)
    assert told["tiers"] == [{"tier": None, "least_points": 800}]
    assert [(one["reward_id"], one["out_now"], one["refusals"]) for one in told["stock_outs"]] == [
        ("fruit-box", True, 1)
    ]
    assert told["refusals"] == [{"code": "OUT_OF_STOCK", "subject": "order", "refusals": 1, "members": 1}]


async def test_a_tier_reaches_what_is_for_it(redemption: Redemption) -> None:
    for_gold = {"eligibility": {"tiers": ["gold"]}}
    cheaper = {"special_prices": [{"points": 100, "tiers": ["bronze"]}]}
    open_for_orders(
        redemption,
        reward(50, 500, reward_id="lounge", **for_gold),
        reward(400, 4_000, **cheaper),
        tiers=BRONZE_AND_GOLD,
    )
    for member, tier in {"g": "gold", "b": "bronze", "n": None}.items():
        await enrol(redemption, 120, member)
        await give_tier(redemption, tier, member)
    told = await index(redemption)
    assert {one["tier"]: one["least_points"] for one in told["tiers"]} == {None: 400, "bronze": 100, "gold": 50}
    assert (told["outstanding"], told["spendable"]) == (360, 240)


async def test_what_cannot_be_had_by_everyone_does_not_flatter_the_index(redemption: Redemption) -> None:
    bought = {"purchased": {"labels": ["fruit"], "within_days": 7}}
    open_for_orders(
        redemption,
        reward(10, 100, reward_id="washing", eligibility=bought),
        reward(10, 100, reward_id="old-hand", eligibility={"lifetime_at_least": 50}),
        reward(10, 100, reward_id="recalled", quality={"supplier": "S", "standard": "S", "recalled": True}),
        partners_reward(),
        reward(100, 1_000, eligibility={"balance_at_least": 300}),
        partners=[partner(until="2025-06-01")],
    )
    await enrol(redemption, 200)
    told = await index(redemption)
    assert told["tiers"] == [{"tier": None, "least_points": 300}]
    assert told["spendable"] == 0


async def test_a_booking_is_in_stock_while_a_slot_is_free(redemption: Redemption) -> None:
    open_for_orders(
        redemption, reward(400, 9_000, reward_id="spa", kind="service_booking", booking={**SPA, "capacity": 1})
    )
    await enrol(redemption, 50_000)
    assert (await index(redemption))["rewards_in_stock"] == 1
    slots = (await redemption.http.get(f"/v1/programs/{PROGRAM}/catalogue/spa/slots", params={"days": 7})).json()[
        "slots"
    ]
    for place, slot in enumerate(slots):
        await ordered(redemption, line("spa", slot=slot["slot"]), key=f"slot-{place}")
    told = await index(redemption)
    assert (told["rewards_in_stock"], told["stock_outs"][0]["reward_id"]) == (0, "spa")


async def test_held_points_and_listed_parties_are_outstanding_and_not_spendable(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(100, 1_000))
    await enrol(redemption, 300, "m-1")
    await redemption.post(hold("h1", member="m-1", points=250))
    await enrol(redemption, 500, "listed")
    await redemption.running.pool.execute("UPDATE member SET listed_party = true WHERE member_id = 'listed'")
    told = await index(redemption)
    assert (told["outstanding"], told["spendable"]) == (800, 0)


async def test_pending_points_are_not_outstanding_yet(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(100, 1_000))
    await redemption.post(registered("m-1"))
    await redemption.post(grant("r1", 300, wait_days=None))
    told = await index(redemption)
    assert (told["outstanding"], told["share_permille"]) == (0, None)


async def test_a_part_of_any_bill_is_something_too(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(900, 9_000), point_payment={"points": 100, "minor": 500, "minimum_points": 200})
    await enrol(redemption, 250)
    told = await index(redemption)
    assert told["tiers"] == [{"tier": None, "least_points": 200}]
    assert told["share_permille"] == 1_000


async def test_refusals_are_counted_by_reason(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(500, 5_000))
    await enrol(redemption, 400, "a")
    await enrol(redemption, 300, "b")
    for place in range(2):
        await order(redemption, line("fruit-box"), member="a", key=f"a{place}")
    await order(redemption, line("fruit-box"), member="b")
    await redemption.http.post(f"/v1/programs/{PROGRAM}/members/a/transfer")
    told = (await index(redemption, days=1))["refusals"]
    assert told == [
        {"code": "INSUFFICIENT_POINTS", "subject": "order", "refusals": 3, "members": 2},
        {"code": "TRANSFER_PROHIBITED", "subject": "prohibited path", "refusals": 1, "members": 0},
    ]


async def test_the_time_to_fulfil_is_told_by_kind(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption, 20_000)
    for place, hours in enumerate((1, 2, 30)):
        placed = await ordered(redemption, line("fruit-box"), key=f"o{place}")
        await redemption.running.pool.execute(
            "UPDATE reward_order SET placed_at = placed_at - make_interval(hours => $2) WHERE order_id = $1",
            placed["order_id"],
            hours,
        )
        await done(redemption, placed["order_id"], "fulfilments")
    await ordered(redemption, line("pan"), key="waits")
    (told,) = (await index(redemption))["fulfilment"]
    assert (told["kind"], told["fulfilled"], told["waiting"]) == ("goods", 3, 1)
    assert 7_200 <= told["half_within"] < 7_300
    assert 108_000 <= told["most_within"] < 108_100
    assert told["oldest_waits"] < 100


async def test_nobody_reaches_anything_where_nothing_is_offered(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(10, 100, enabled=False))
    await enrol(redemption, 100)
    async with redemption.running.pool.acquire() as connection:
        sums = await read_spendable(connection, PROGRAM, {})
    assert (sums["outstanding"], sums["spendable"], sums["members_that_reach"]) == (100, 0, 0)
    assert (await index(redemption))["spendable"] == 0


async def test_an_unknown_program_is_not_found(redemption: Redemption) -> None:
    assert (await redemption.http.get("/v1/programs/nobodys/redeemability")).status_code == 404
