"""The last unit and the last points, wanted by 200 at once: exactly one has them, and the books stay exact."""

import asyncio
from collections import Counter

import httpx
import pytest

from shared.events.order_placed import OrderPlaced
from tests.integration.redemption.harness import Redemption, grant, registered, start, stop
from tests.integration.redemption.ordering import (
    done,
    enrol,
    left,
    line,
    open_for_orders,
    order,
    ordered,
    step,
)
from tests.unit.programs.packs import reward

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = 200


def _codes(answers: list[httpx.Response]) -> Counter[str]:
    return Counter("won" if answer.status_code == 201 else answer.json()["code"] for answer in answers)


async def test_the_last_unit_has_one_winner(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(500, 5_000, stock=[{"units": 3}]))
    members = [f"m-{n}" for n in range(_MANY)]
    await redemption.post(*(registered(member) for member in members))
    await redemption.post(*(grant(member, 500, member=member) for member in members))
    await redemption.post(registered("early"))
    await redemption.post(grant("early", 1_000, member="early"))
    await ordered(redemption, line(quantity=2), member="early")
    other = await start(redemption.running.settings.database.get_secret_value())
    other.running.programs = redemption.running.programs
    try:
        answers = await asyncio.gather(
            *(order([redemption, other][n % 2], line(), member=member) for n, member in enumerate(members))
        )
    finally:
        await stop(other)
    assert _codes(answers) == {"won": 1, "OUT_OF_STOCK": _MANY - 1}
    assert await left(redemption) == 0
    spent = await redemption.running.pool.fetchval("SELECT sum(redeemed) FROM lot")
    assert spent == 1_500
    assert len(await redemption.published(OrderPlaced)) == 2
    refusals = await redemption.running.pool.fetchval("SELECT count(*) FROM refusal WHERE code = 'OUT_OF_STOCK'")
    assert refusals == _MANY - 1
    await redemption.assert_books_hold()


async def test_the_last_points_have_one_winner(redemption: Redemption) -> None:
    """200 orders of one member under 200 keys, for points that are enough for one."""
    open_for_orders(redemption)
    await enrol(redemption, 999)
    answers = await asyncio.gather(*(order(redemption, line(), key=f"k-{n}") for n in range(_MANY)))
    assert _codes(answers) == {"won": 1, "INSUFFICIENT_POINTS": _MANY - 1}
    assert ((await redemption.balance())["available"], await left(redemption)) == (499, 9)
    await redemption.assert_books_hold()


async def test_one_order_sent_two_hundred_times_is_one_order(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    answers = await asyncio.gather(*(order(redemption, line("fruit-box", 2), line("pan")) for _ in range(_MANY)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert (await redemption.balance())["available"] == 5_000 - 1_300


async def test_orders_of_crossed_rewards_never_lock_each_other_out(redemption: Redemption) -> None:
    """Lines in opposite orders take their stock in one order: nobody deadlocks, every unit finds its buyer."""
    open_for_orders(
        redemption,
        reward(10, 100, reward_id="a", stock=[{"units": 100}]),
        reward(10, 100, reward_id="b", stock=[{"units": 100}]),
    )
    members = [f"m-{n}" for n in range(_MANY)]
    await redemption.post(*(registered(member) for member in members))
    await redemption.post(*(grant(member, 500, member=member) for member in members))
    answers = await asyncio.gather(
        *(order(redemption, line("ab"[n % 2]), line("ba"[n % 2]), member=member) for n, member in enumerate(members))
    )
    assert _codes(answers) == {"won": 100, "OUT_OF_STOCK": 100}
    assert (await left(redemption, "a"), await left(redemption, "b")) == (0, 0)


async def test_cancelled_returned_and_handed_over_at_once_is_one_of_them(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    for round_ in range(5):
        told = await ordered(redemption, line(), key=f"order-{round_}")
        answers = await asyncio.gather(
            *(step(redemption, told["order_id"], "cancellations", f"c-{n}") for n in range(4)),
            *(step(redemption, told["order_id"], "fulfilments", f"f-{n}") for n in range(4)),
        )
        cancelled, handed = _codes(answers[:4]), _codes(answers[4:])
        assert {cancelled["won"], handed["won"]} == {0, 4}
        if handed["won"]:
            returned = await asyncio.gather(
                *(step(redemption, told["order_id"], "returns", f"r-{n}") for n in range(4)),
                *(step(redemption, told["order_id"], "replacements", f"x-{n}") for n in range(4)),
            )
            back, swapped = _codes(returned[:4]), _codes(returned[4:])
            assert {back["won"], swapped["won"]} == {0, 4}
            if swapped["won"]:
                fresh = {answer.json()["new_order_id"] for answer in returned[4:]}
                assert len(fresh) == 1
                await done(redemption, fresh.pop(), "cancellations")
        assert ((await redemption.balance())["available"], await left(redemption)) == (5_000, 10)
    await redemption.assert_books_hold()
