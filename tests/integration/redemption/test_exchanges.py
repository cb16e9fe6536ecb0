"""Replacements beside everything else: one key for many orders, the stock in force, and locks in one order."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from services.operator.audit.checks.stock import DIFFERING
from services.redemption.requests.replace_order import exchange_key
from tests.integration.redemption.harness import Redemption, grant_id, start, stop
from tests.integration.redemption.ordering import (
    PHOTO,
    SHOP,
    done,
    enrol,
    left,
    line,
    open_for_orders,
    order,
    ordered,
    shown,
    step,
)
from tests.integration.redemption.storefront import open_shop
from tests.unit.programs.packs import reward

pytestmark = pytest.mark.asyncio(loop_scope="session")

_LATER = "2025-06-01T00:00:00+08:00"
_DEFECT: dict[str, Any] = {"defect": True, "evidence_sha256": PHOTO}
_DAY = 86_400
_SPA = {"capacity": 20, "slots": ["10:00"]}


def box(units: int, **changes: Any) -> dict[str, Any]:
    return reward(10, 100, stock=[{"units": units}], **changes)


def publish(redemption: Redemption, *rewards: list[dict[str, Any]]) -> None:
    """The program's versions, each in force after the one before it; the last is in force now."""
    versions = [{"rewards": each, **({"effective_at": _LATER} if place else {})} for place, each in enumerate(rewards)]
    open_shop(redemption, *versions)


async def handed_over(redemption: Redemption, *lines: dict[str, Any], **more: Any) -> str:
    """The id of an order whose lines the member has."""
    told = await ordered(redemption, *lines, **more)
    await done(redemption, told["order_id"], "fulfilments")
    order_id: str = told["order_id"]
    return order_id


def outcome(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def assert_counts_are_the_claims(redemption: Redemption) -> None:
    assert await redemption.running.pool.fetch(DIFFERING) == []


async def test_one_key_replaces_lines_of_two_orders_of_a_member(redemption: Redemption) -> None:
    """A key is one change of its order; each order's is a new effect, answered alike when it is sent again."""
    open_for_orders(redemption)
    await enrol(redemption)
    orders = [await handed_over(redemption, line(), key=f"order-{place}") for place in range(2)]
    first, second = [await done(redemption, each, "replacements", "swap-1") for each in orders]
    assert first["new_order_id"] != second["new_order_id"]
    assert await done(redemption, orders[0], "replacements", "swap-1") == first
    assert await done(redemption, orders[1], "replacements", "swap-1") == second
    assert await left(redemption) == 8
    await redemption.assert_books_hold()


async def test_a_replacements_key_and_the_members_own_are_apart(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    old = await handed_over(redemption, line(), key="key-1")
    await handed_over(redemption, line(), key="key-2")
    await done(redemption, old, "replacements", "key-2")
    later = await ordered(redemption, line("pan"), key="replacements")
    assert later["lines"][0]["reward_id"] == "pan"
    for key, reward_id in (("key-1", "fruit-box"), ("key-2", "fruit-box"), ("replacements", "pan")):
        assert (await ordered(redemption, line(reward_id), key=key))["idempotency_key"] == key
    assert len(await redemption.running.pool.fetch("SELECT FROM reward_order")) == 4


async def test_nobody_can_order_under_the_key_of_an_exchange(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    for key in (exchange_key(grant_id("some change")).encode(), b"exchange \x92 x"):
        answer = await redemption.http.post(
            f"{SHOP}/members/m-1/orders", json={"lines": [line()]}, headers=[(b"Idempotency-Key", key)]
        )
        assert answer.status_code == 422, answer.text


async def test_a_replacement_finds_the_units_that_the_version_in_force_added(redemption: Redemption) -> None:
    """Of 30 units 25 are taken: that the order's own version had 10 says nothing of the shelf."""
    await enrol(redemption)
    publish(redemption, [box(10)])
    order_id = await handed_over(redemption, line(quantity=2))
    publish(redemption, [box(10)], [box(30)])
    await ordered(redemption, line(quantity=23), key="order-2")
    swapped = await done(redemption, order_id, "replacements", lines=[{"line_id": "1", "quantity": 1}], **_DEFECT)
    assert (await shown(redemption, swapped["new_order_id"]))["price_version"] == 1  # the old terms
    assert await left(redemption) == 5
    await assert_counts_are_the_claims(redemption)


async def test_a_replacement_never_brings_back_units_that_the_version_in_force_took_off(
    redemption: Redemption,
) -> None:
    await enrol(redemption)
    publish(redemption, [box(10)])
    order_id = await handed_over(redemption, line(quantity=8))
    publish(redemption, [box(10)], [box(7)])
    refused = await step(redemption, order_id, "replacements", lines=[{"line_id": "1", "quantity": 1}])
    assert outcome(refused) == (409, "OUT_OF_STOCK")
    await done(redemption, order_id, "returns", lines=[{"line_id": "1", "quantity": 3}])
    await done(redemption, order_id, "replacements", lines=[{"line_id": "1", "quantity": 1}])
    assert await left(redemption) == 2
    assert outcome(await order(redemption, line(quantity=3), key="order-2")) == (409, "OUT_OF_STOCK")


async def test_a_recalled_reward_is_returned_and_not_replaced(redemption: Redemption) -> None:
    await enrol(redemption)
    publish(redemption, [box(10)])
    order_id = await handed_over(redemption, line())
    publish(redemption, [box(10)], [box(10, quality={"supplier": "S", "recalled": True})])
    refused = await step(redemption, order_id, "replacements", **_DEFECT)
    assert outcome(refused) == (409, "REWARD_RECALLED")
    assert await left(redemption) == 9
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM refusal WHERE code = 'REWARD_RECALLED'") == 1
    await done(redemption, order_id, "returns", **_DEFECT)
    assert await left(redemption) == 10


async def test_what_the_version_in_force_no_longer_knows_is_counted_as_its_order_knew_it(
    redemption: Redemption,
) -> None:
    await enrol(redemption)
    publish(redemption, [box(1)])
    order_id = await handed_over(redemption, line())
    publish(redemption, [box(1)], [box(5, reward_id="other")])
    await done(redemption, order_id, "replacements")
    assert await left(redemption) == 0


async def test_a_slot_has_the_room_that_the_version_in_force_gives_it(redemption: Redemption) -> None:
    await enrol(redemption)
    publish(redemption, [spa(1)])
    when = slot(2)
    order_id = await handed_over(redemption, line("spa", slot=slot(3)))
    publish(redemption, [spa(1)], [spa(2)])
    await ordered(redemption, line("spa", slot=when), key="order-2")
    await done(redemption, order_id, "replacements", slot=when)
    assert outcome(await order(redemption, line("spa", slot=when), key="order-3")) == (409, "OUT_OF_STOCK")


async def quoted(redemption: Redemption, *lines: dict[str, Any]) -> dict[str, Any]:
    answer = await redemption.http.post(
        f"{SHOP}/members/m-1/quotes", json={"lines": list(lines)}, headers={"Idempotency-Key": "quote-1"}
    )
    assert answer.status_code == 201, answer.text
    return {"quote_id": answer.json()["quote_id"]}


async def test_a_quote_promises_its_price_and_takes_of_the_stock_in_force(redemption: Redemption) -> None:
    """15 of 30 are taken: the quote's version had 10."""
    await enrol(redemption)
    publish(redemption, [box(10)])
    quote = await quoted(redemption, line(quantity=2))
    publish(redemption, [box(10)], [box(30, price={"points": 99})])
    await ordered(redemption, line(quantity=15))
    told = await ordered(redemption, key="order-2", **quote)
    assert (told["points"], told["price_version"]) == (20, 1)
    assert await left(redemption) == 13
    await assert_counts_are_the_claims(redemption)


async def test_a_quote_never_sells_more_than_the_version_in_force_has(redemption: Redemption) -> None:
    """All six are taken: the quote's version had 100."""
    await enrol(redemption)
    publish(redemption, [box(100)])
    quote = await quoted(redemption, line())
    publish(redemption, [box(100)], [box(6)])
    await ordered(redemption, line(quantity=6))
    assert outcome(await order(redemption, key="order-2", **quote)) == (409, "OUT_OF_STOCK")
    assert await redemption.running.pool.fetchval("SELECT allowed FROM stock_count") == 6
    assert await left(redemption) == 0


async def test_a_quoted_reward_that_the_version_in_force_dropped_is_counted_as_quoted(redemption: Redemption) -> None:
    await enrol(redemption)
    publish(redemption, [box(2)])
    quote = await quoted(redemption, line(quantity=2))
    publish(redemption, [box(2)], [box(5, reward_id="other")])
    await ordered(redemption, **quote)
    assert await left(redemption) == 0


def spa(capacity: int) -> dict[str, Any]:
    return reward(10, 100, reward_id="spa", kind="service_booking", booking={**_SPA, "capacity": capacity})


def slot(days: int) -> str:
    return f"{datetime.now(ZoneInfo('Asia/Shanghai')).date() + timedelta(days=days)}T10:00"


async def test_bookings_swapped_both_ways_at_once_never_lock_each_other_out(redemption: Redemption) -> None:
    publish(redemption, [spa(20)])
    slots, orders = [slot(2), slot(3)], []
    for place in range(12):
        await enrol(redemption, 100, f"m-{place}")
        orders.append(await handed_over(redemption, line("spa", slot=slots[place % 2]), member=f"m-{place}"))
    answers = await asyncio.gather(
        *(step(redemption, each, "replacements", slot=slots[1 - place % 2]) for place, each in enumerate(orders))
    )
    assert [answer.status_code for answer in answers] == [201] * 12
    assert await _taken(redemption) == {slots[0]: 6, slots[1]: 6}
    await assert_counts_are_the_claims(redemption)


async def test_replacements_into_slots_that_nobody_took_yet_never_lock_each_other_out(redemption: Redemption) -> None:
    """A new count has no row to lock before it is written."""
    publish(redemption, [spa(40)])
    fresh, old, orders = slot(2), slot(4), []
    for place in range(12):
        await enrol(redemption, 100, f"m-{place}")
        orders.append(await handed_over(redemption, line("spa", slot=old), member=f"m-{place}"))
    both = [line("spa", slot=old), line("spa", slot=fresh)]
    answers = await asyncio.gather(
        *(step(redemption, each, "replacements", slot=fresh) for each in orders[:6]),
        *(order(redemption, *both, member=f"m-{place}", key="both") for place in range(6, 12)),
    )
    assert [answer.status_code for answer in answers] == [201] * 12
    assert await _taken(redemption) == {old: 12, fresh: 12}
    await assert_counts_are_the_claims(redemption)


async def _taken(redemption: Redemption) -> dict[str, int]:
    rows = await redemption.running.pool.fetch("SELECT period, taken FROM stock_count")
    return {row["period"]: row["taken"] for row in rows}


async def test_a_replacement_and_an_order_of_another_day_never_lock_each_other_out(redemption: Redemption) -> None:
    """An old unit counts on its own day and in all, a new one on today and in all."""
    stock = [{"units": 100}, {"units": 50, "per": "day"}]
    publish(redemption, [reward(10, 100, stock=stock, return_days=5)])
    orders = []
    for place in range(12):
        await enrol(redemption, 100, f"m-{place}")
        orders.append(await handed_over(redemption, line(), member=f"m-{place}"))
    later = await start(redemption.running.settings.database.get_secret_value(), _DAY)
    later.running.programs = redemption.running.programs
    try:
        answers = await asyncio.gather(
            *(step(later, each, "replacements") for each in orders[:6]),
            *(order(later, line(), member=f"m-{place}", key="today") for place in range(6, 12)),
        )
    finally:
        await stop(later)
    assert [answer.status_code for answer in answers] == [201] * 12
    assert await left(redemption) == 100 - 18
    await assert_counts_are_the_claims(redemption)
