"""Stock under any number of requests at once: never more sold than there is, and what comes back is there again."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.operator.audit.checks.stock import DIFFERING
from services.redemption.domain.catalogue import catalogue_at
from services.redemption.domain.claims import PlannedClaim, Wish, plan_claims
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.standing import PurchasedLine, Standing
from services.redemption.store.stock import Taken, give_back, read_taken, take
from shared.events.reason_codes import ReasonCode
from tests.integration.redemption.harness import PROGRAM, Redemption, grant_id, long_ago, registered
from tests.integration.redemption.storefront import offered, open_shop
from tests.unit.programs.packs import pack, reward

pytestmark = pytest.mark.asyncio(loop_scope="session")

_DAY = date(2026, 11, 22)


def planned(*rewards: dict[str, Any], wishes: Sequence[Wish], standing: Standing | None = None) -> list[PlannedClaim]:
    made = catalogue_at(pack(rewards=list(rewards)), long_ago(0).replace(year=2026, month=11, day=22, hour=4))
    return list(plan_claims(made, standing or Standing(), wishes))


async def taking(
    redemption: Redemption, claims: Sequence[PlannedClaim], member: str = "m-1"
) -> list[UUID] | ReasonCode:
    """One transaction, as an order's; the claims' ids, or the code it was refused with."""
    named = [(uuid4(), claim) for claim in claims]
    try:
        async with redemption.running.pool.acquire() as connection, connection.transaction():
            await take(connection, (PROGRAM, member), named, _DAY)
    except RefusedError as refused:
        return refused.code
    return [claim_id for claim_id, _ in named]


async def taken(redemption: Redemption, claims: Sequence[PlannedClaim]) -> list[UUID]:
    """The claims' ids; they were there to be taken."""
    answer = await taking(redemption, claims)
    assert isinstance(answer, list), answer
    return answer


async def giving_back(redemption: Redemption, *units: tuple[UUID, int]) -> None:
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        await give_back(connection, units)


async def counted(redemption: Redemption) -> dict[str, int]:
    rows = await redemption.running.pool.fetch("SELECT reward_id, line, period, taken FROM stock_count")
    return {" ".join(filter(None, [row["reward_id"], row["line"], row["period"]])): row["taken"] for row in rows}


async def assert_counts_are_the_claims(redemption: Redemption) -> None:
    """Every count is the sum of what was claimed on it and not given back, as the audit looks at it."""
    assert await redemption.running.pool.fetch(DIFFERING) == []


async def test_of_many_at_once_exactly_as_many_win_as_there_are_units(redemption: Redemption) -> None:
    claims = planned(reward(stock=[{"units": 7}, {"units": 100, "per": "day"}]), wishes=[Wish("fruit-box", 1)])
    answers = await asyncio.gather(*(taking(redemption, claims, f"m-{place}") for place in range(200)))
    assert sum(isinstance(answer, list) for answer in answers) == 7
    assert answers.count(ReasonCode.OUT_OF_STOCK) == 193
    assert await counted(redemption) == {"fruit-box total": 7, "fruit-box day 2026-11-22": 7}
    await assert_counts_are_the_claims(redemption)


async def test_orders_of_the_same_rewards_in_any_order_do_not_wait_for_each_other_in_a_ring(
    redemption: Redemption,
) -> None:
    rewards = [reward(reward_id=f"r-{place}", stock=[{"units": 1_000}]) for place in range(4)]
    wishes = [Wish(f"r-{place}", 1) for place in range(4)]
    ways = [planned(*rewards, wishes=wishes), planned(*rewards, wishes=wishes[::-1])]
    answers = await asyncio.gather(*(taking(redemption, ways[place % 2]) for place in range(60)))
    assert all(isinstance(answer, list) for answer in answers)
    back = [[(claim_id, 1) for claim_id in answer] for answer in answers if isinstance(answer, list)]
    again = [taking(redemption, ways[place % 2]) for place in range(30)]
    await asyncio.gather(*(giving_back(redemption, *units) for units in back[:30]), *again)
    assert await counted(redemption) == {f"r-{place} total": 60 for place in range(4)}
    await assert_counts_are_the_claims(redemption)


async def test_what_one_line_lacks_no_line_takes(redemption: Redemption) -> None:
    rewards = [reward(reward_id="plenty", stock=[{"units": 10}]), reward(reward_id="few", stock=[{"units": 1}])]
    wishes = [Wish("plenty", 1), Wish("few", 2)]
    assert await taking(redemption, planned(*rewards, wishes=wishes)) is ReasonCode.OUT_OF_STOCK
    assert await counted(redemption) == {}
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM reward_claim") == 0


async def test_two_lines_of_one_reward_count_together_and_each_is_told_what_was_left(redemption: Redemption) -> None:
    claims = planned(reward(stock=[{"units": 10}, {"units": 6, "per": "week"}]), wishes=[Wish("fruit-box", 2)] * 2)
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        told = await take(connection, (PROGRAM, "m-1"), [(uuid4(), claim) for claim in claims], _DAY)
    assert told == (Taken(6, 4), Taken(4, 2))
    assert isinstance(await taking(redemption, claims[:1]), list)
    assert await taking(redemption, claims[:1]) is ReasonCode.OUT_OF_STOCK
    assert await taking(redemption, planned(reward(), wishes=[Wish("fruit-box", 500)])) != []  # no stock, no end


async def test_units_that_come_back_can_be_taken_again_and_only_once(redemption: Redemption) -> None:
    claims = planned(reward(stock=[{"units": 3}]), wishes=[Wish("fruit-box", 3)])
    (claim_id,) = await taken(redemption, claims)
    await giving_back(redemption, (claim_id, 1))
    assert await counted(redemption) == {"fruit-box total": 2}
    with pytest.raises(asyncpg.CheckViolationError):
        await giving_back(redemption, (claim_id, 3))
    with pytest.raises(LookupError):
        await giving_back(redemption, (uuid4(), 1))
    await giving_back(redemption, (claim_id, 2))
    assert isinstance(await taking(redemption, claims), list)
    await assert_counts_are_the_claims(redemption)


async def test_a_version_with_fewer_units_sells_no_more_and_takes_nothing_away(redemption: Redemption) -> None:
    one = [Wish("fruit-box", 1)]
    assert isinstance(
        await taking(redemption, planned(reward(stock=[{"units": 9}]), wishes=[Wish("fruit-box", 5)])), list
    )
    fewer = planned(reward(stock=[{"units": 4}]), wishes=one)
    assert await taking(redemption, fewer) is ReasonCode.OUT_OF_STOCK
    more = planned(reward(stock=[{"units": 6}]), wishes=one)
    assert isinstance(await taking(redemption, more), list)
    assert await taking(redemption, more) is ReasonCode.OUT_OF_STOCK


async def test_the_database_itself_refuses_to_sell_more_than_there_is(redemption: Redemption) -> None:
    await taking(redemption, planned(reward(stock=[{"units": 2}]), wishes=[Wish("fruit-box", 1)]))
    with pytest.raises(asyncpg.CheckViolationError, match="sold_at_most_the_stock"):
        await redemption.running.pool.execute("UPDATE stock_count SET taken = 3")


async def test_a_slot_holds_as_many_as_it_has_room_for(redemption: Redemption) -> None:
    tomorrow = _DAY + timedelta(days=1)
    spa = reward(kind="service_booking", booking={"capacity": 2, "slots": ["09:00", "14:30"]})
    at_nine = planned(spa, wishes=[Wish("fruit-box", 1, f"{tomorrow}T09:00")])
    answers = await asyncio.gather(*(taking(redemption, at_nine, f"m-{place}") for place in range(5)))
    assert answers.count(ReasonCode.OUT_OF_STOCK) == 3
    assert isinstance(await taking(redemption, planned(spa, wishes=[Wish("fruit-box", 2, f"{tomorrow}T14:30")])), list)


async def test_what_was_claimed_counts_on_the_members_limit_until_it_comes_back(redemption: Redemption) -> None:
    open_shop(redemption, {"rewards": [reward(limits=[{"units": 2, "per": "lifetime"}])]})
    await redemption.post(registered("m-1"), registered("m-2"))
    claims = planned(reward(), wishes=[Wish("fruit-box", 2)])
    (claim_id,) = await taken(redemption, claims)
    assert (await offered(redemption))["fruit-box"]["limit_left"] == 0
    assert (await offered(redemption, "m-2"))["fruit-box"]["limit_left"] == 2
    await giving_back(redemption, (claim_id, 1))
    assert (await offered(redemption))["fruit-box"]["limit_left"] == 1


async def test_a_purchase_that_served_serves_again_only_when_all_came_back(redemption: Redemption) -> None:
    line = PurchasedLine("shop", "receipt", "1", frozenset({"melon"}), _DAY)
    await redemption.running.pool.execute(
        "INSERT INTO purchased_line VALUES ($1, 'm-1', 'shop', 'receipt', '1', $2, '{melon}', 10, 0, now())",
        PROGRAM,
        grant_id("a"),
    )
    melon = reward(eligibility={"purchased": {"labels": ["melon"], "within_days": 7}}, units_per_claim=2)
    claims = planned(melon, wishes=[Wish("fruit-box", 2)], standing=Standing(purchases=(line,)))
    answers = await asyncio.gather(*(taking(redemption, claims) for _ in range(4)))
    (winner,) = [answer for answer in answers if isinstance(answer, list)]
    assert answers.count(ReasonCode.NOT_ELIGIBLE) == 3
    await giving_back(redemption, (winner[0], 1))
    assert await taking(redemption, claims) is ReasonCode.NOT_ELIGIBLE
    await giving_back(redemption, (winner[0], 1))
    assert isinstance(await taking(redemption, claims), list)


async def test_what_is_left_is_read_for_many_lines_at_once(redemption: Redemption) -> None:
    claims = planned(reward(stock=[{"units": 9}, {"units": 4, "per": "day"}]), wishes=[Wish("fruit-box", 3)])
    await taking(redemption, claims)
    async with redemption.running.pool.acquire() as connection:
        found = await read_taken(connection, PROGRAM, claims[0].counts)
        assert {each.line: found[each] for each in claims[0].counts} == {"total": 3, "day": 3}


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("UPDATE stock_count SET taken = taken + 1", "stock of fruit-box total"),
        ("DELETE FROM stock_count", "stock of fruit-box total"),
        ("UPDATE reward_claim SET given_back = 1", "stock of fruit-box total"),
        ("UPDATE purchased_line SET member_id = 'm-2'", "line 1 of receipt receipt"),
    ],
)
async def test_the_audit_names_stock_that_nobody_claimed(redemption: Redemption, spoil: str, named: str) -> None:
    line = PurchasedLine("shop", "receipt", "1", frozenset({"melon"}), _DAY)
    await redemption.running.pool.execute(
        "INSERT INTO purchased_line VALUES ($1, 'm-1', 'shop', 'receipt', '1', $2, '{melon}', 10, 0, now())",
        PROGRAM,
        grant_id("a"),
    )
    melon = reward(stock=[{"units": 5}], eligibility={"purchased": {"labels": ["melon"], "within_days": 7}})
    standing = Standing(purchases=(line,))
    await taking(redemption, planned(melon, wishes=[Wish("fruit-box", 1)], standing=standing))
    await assert_counts_are_the_claims(redemption)
    await redemption.running.pool.execute(spoil)
    found = await redemption.running.pool.fetch(DIFFERING)
    assert named in {row["subject"] for row in found}
