"""Recycling drops against real books: claimed once across partitions, rejected before and after."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest_asyncio

from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM
from tests.integration.earning.harness import NOW, Earning, program, record, started
from tests.unit.earning_handlers.deeds import CLIMATE as _CLIMATE
from tests.unit.earning_handlers.deeds import FACTORS, KIOSK, PHOTO, counted, weighed
from tests.unit.earning_handlers.deeds import TEXTILES as _TEXTILES

RULES = tuple(rule.model_copy(update={"budget_id": "marketing"}) for rule in (_CLIMATE, _TEXTILES))
HOUR = timedelta(hours=1)
BOX = (weighed("cardboard", 2_500), weighed("textiles", 1_500))


def drop(event_id: str, drop_id: str, member_id: str, *items: RecyclingItem, **changes: Any) -> Delivered:
    fields = {"station_id": "kiosk", "photo_sha256": PHOTO, "scale_calibrated_on": NOW.date() - timedelta(days=9)}
    data = RecyclingCollected(
        program_id=PROGRAM, drop_id=drop_id, member_id=member_id, items=items or BOX, **{**fields, **changes}
    )
    return record(event_id, data, ago=2 * HOUR)


def rejection(event_id: str, drop_id: str, member_id: str, *items: RecyclingItem) -> Delivered:
    data = RecyclingRejected(
        program_id=PROGRAM, station_id="kiosk", drop_id=drop_id, member_id=member_id, items=items, reason="wet"
    )
    return record(event_id, data, ago=HOUR)


@pytest_asyncio.fixture(loop_scope="session")
async def community(database: Database) -> Any:
    async with started(database.dsns["earning"], program(rules=RULES, stations=(KIOSK,), factors=FACTORS)) as books:
        yield books


async def test_a_drop_is_granted_rejected_in_parts_and_never_twice(community: Earning) -> None:
    await community.register("ann")
    first = drop("e1", "d1", "ann")
    await community.post(first, first, drop("e2", "d1", "ann"))
    assert await community.balances() == {"ann": 8 + 6}
    part = rejection("x1", "d1", "ann", weighed("cardboard", 1_000))
    await community.post(part, part)
    assert await community.balances() == {"ann": 5 + 6}
    await community.post(part, rejection("x2", "d1", "ann", *BOX))
    assert await community.balances() == {"ann": 0}
    assert await community.outcomes() == [
        ("e1", "granted", None),
        ("e2", "declined", "DUPLICATE_EARN"),
        ("x1", "clawed_back", None),
        ("x2", "clawed_back", "OVER_REFUND"),
    ]
    assert await community.points() == (14, 14)
    await community.assert_books_hold()


async def test_a_rejection_before_its_drop_stays_open_until_the_drop_arrives(community: Earning) -> None:
    await community.register("ann")
    await community.post(rejection("x1", "d1", "ann", weighed("textiles", 1_500)))
    states = "SELECT state FROM drop_rejection"
    assert await community.running.pool.fetchval(states) == "open"
    await community.post(drop("e1", "d1", "ann"))
    assert await community.running.pool.fetchval(states) == "settled"
    assert await community.balances() == {"ann": 8}
    assert await community.outcomes() == [("e1", "granted", None), ("x1", "open_claim", "REFUND_WITHOUT_PURCHASE")]
    await community.post(rejection("x2", "d1", "ann", weighed("cardboard", 2_500)))
    assert await community.balances() == {"ann": 0}
    await community.assert_books_hold()


async def test_both_wait_for_the_registration_and_keep_their_order(community: Earning) -> None:
    await community.post(drop("e1", "d1", "ann"), rejection("x1", "d1", "ann", weighed("textiles", 1_500)))
    assert await community.balances() == {}
    await community.register("ann")
    assert await community.redeliver("earning.effects.v1") == 2
    assert await community.balances() == {"ann": 8}
    assert await community.outcomes() == [("e1", "granted", None), ("x1", "clawed_back", None)]
    assert await community.running.pool.fetchval("SELECT count(*) FROM waiting_event") == 0
    await community.assert_books_hold()


async def test_one_drop_for_two_members_at_once_earns_once(community: Earning) -> None:
    await community.register("ann")
    await community.register("bea", partition=1)
    for number in range(40):
        await asyncio.gather(
            community.post(drop(f"a{number}", f"d{number}", "ann")),
            community.post(drop(f"b{number}", f"d{number}", "bea"), partition=1),
        )
    codes = sorted(code or "" for _, _, code in await community.outcomes())
    assert codes == [""] * 40 + ["DUPLICATE_EARN"] * 40
    assert sum((await community.balances()).values()) == 40 * 14
    await community.assert_books_hold()


async def test_a_rejection_for_another_member_at_the_same_time_takes_nothing(community: Earning) -> None:
    await community.register("ann")
    await community.register("bea", partition=1)
    for number in range(40):
        await asyncio.gather(
            community.post(drop(f"a{number}", f"d{number}", "ann")),
            community.post(rejection(f"x{number}", f"d{number}", "bea", *BOX), partition=1),
        )
    assert await community.balances() == {"ann": 40 * 14}
    assert await community.running.pool.fetchval("SELECT count(*) FROM drop_rejection WHERE state = 'open'") == 0
    await community.assert_books_hold()


async def test_pieces_and_the_last_points_of_a_budget(database: Database) -> None:
    """A drop pays whole or not at all (C04): 6 points fit, 8 do not."""
    few = program(approved_minor=13 * 5, rules=RULES, stations=(KIOSK,), factors=FACTORS)
    async with started(database.dsns["earning"], few) as earning:
        await earning.register("ann")
        await earning.post(drop("e1", "d1", "ann", weighed("cardboard", 2_500)))
        await earning.post(drop("e2", "d2", "ann", weighed("cardboard", 2_500)))
        await earning.post(drop("e3", "d3", "ann", weighed("textiles", 1_250), counted("bottle", 3)))
        assert await earning.outcomes() == [
            ("e1", "granted", None), ("e2", "declined", "BUDGET_EXHAUSTED"), ("e3", "granted", None)
        ]  # fmt: skip
        assert await earning.balances() == {"ann": 8 + 5}
        await earning.assert_books_hold()
