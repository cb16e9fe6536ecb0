"""Caps on what drops and inviters are given (C09), through the real books: counted, given back, and explained."""

import random
from typing import Any

import pytest

from services.earning.explained import explained_drop, explained_referral
from services.earning.store import queries
from shared.programs.pack import ProgramPack
from shared.programs.rules import AnyRule, Cap
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import Earning, program, record, started
from tests.integration.earning.test_counted_caps import (
    DAY,
    assert_counters_hold,
    counters,
    day_of,
    used_of_campaign,
)
from tests.integration.earning.test_drops import HOUR, drop, rejection
from tests.integration.earning.test_referrals import INVITERS, accepted, deliver
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning_handlers.deeds import INVITER, KIOSK, TEXTILES, weighed

TODAY = day_of(2 * HOUR)  # of the drops


def textiles(*caps: Cap) -> AnyRule:
    """4 points per kilogram."""
    return TEXTILES.model_copy(update={"budget_id": "marketing", "caps": caps})


def recycling(*caps: Cap, **changes: Any) -> ProgramPack:
    return program(rules=(textiles(*caps),), stations=(KIOSK,), **changes)


def brings(name: str, kilograms: int, member_id: str = "ann") -> Delivered:
    return drop(f"e-{name}", name, member_id, weighed("textiles", 1_000 * kilograms))


def rejects(name: str, kilograms: int, times: int = 1) -> Delivered:
    return rejection(f"x-{name}-{times}", name, "ann", weighed("textiles", 1_000 * kilograms))


async def assert_explained(earning: Earning) -> dict[str, Any]:
    """Every drop and referral recomputes to what is booked; returns them by name."""
    told = {}
    for row in await earning.running.pool.fetch(
        "SELECT drop_key, drop_id FROM recycling_drop WHERE collected IS NOT NULL"
    ):
        stored = await queries.drop(earning.running.pool, row["drop_key"])
        assert stored is not None
        told[row["drop_id"]] = explained_drop(earning.running, stored)
    for row in await earning.running.pool.fetch("SELECT referral_key, invitee_id FROM referral"):
        stored = await queries.referral(earning.running.pool, row["referral_key"])
        assert stored is not None
        told[row["invitee_id"]] = explained_referral(earning.running, stored)
    assert [name for name, one in told.items() if not one["recomputes"]] == []
    return told


async def test_a_days_drops_share_its_cap_and_what_is_rejected_is_given_back(database: Database) -> None:
    async with started(database.dsns["earning"], recycling(Cap(points=50, per="member_day"))) as earning:
        await earning.register("ann", "bea")
        await earning.post(brings("d1", 10), brings("d2", 10), brings("d3", 10), brings("d4", 10, "bea"))
        assert await earning.balances() == {"ann": 50, "bea": 40}
        assert await earning.outcomes() == [
            ("e-d1", "granted", None), ("e-d2", "granted", None), ("e-d3", "declined", "CAP_REACHED"),
            ("e-d4", "granted", None),
        ]  # fmt: skip
        refused = await earning.running.pool.fetchval("SELECT would_have_earned FROM decision WHERE event_id = 'e-d3'")
        assert refused == 40
        assert await counters(earning) == {("ann", TODAY, "textiles"): 50, ("bea", TODAY, "textiles"): 40}
        told = await assert_explained(earning)
        (rule,) = told["d2"]["explanation"]["rules"]
        assert (rule["result"], rule["granted"], rule["caps"][0]["left"]) == (40, 10, 10)
        assert [one["code"] for one in told["d3"]["explanation"]["refused"]] == ["CAP_REACHED"]
        looked_at = {one["code"]: one["result"] for one in told["d3"]["explanation"]["red_lines"]}
        assert (looked_at["CAP_REACHED"], looked_at["EVIDENCE_MISSING"]) == ("refused", "kept")
        # of 10 kg that were given 10 points, 5 kg still earn 10, and 2 kg earn 8
        await earning.post(rejects("d2", 5))
        assert await earning.balances() == {"ann": 50, "bea": 40}
        await earning.post(rejects("d2", 3, 2))
        assert await earning.balances() == {"ann": 48, "bea": 40}
        await earning.post(rejects("d1", 10), rejects("d1", 10, 2), rejects("d3", 10))
        assert await counters(earning) == {("ann", TODAY, "textiles"): 8, ("bea", TODAY, "textiles"): 40}
        await earning.post(brings("d5", 20))
        assert await earning.balances() == {"ann": 50, "bea": 40}
        await assert_explained(earning)
        await assert_counters_hold(earning)


async def test_one_that_rejects_gives_all_or_nothing_and_a_drop_never_comes_back_to_it(database: Database) -> None:
    caps = (Cap(points=60, per="transaction", over="reject"), Cap(points=100, per="member_month", over="reject"))
    async with started(database.dsns["earning"], recycling(*caps)) as earning:
        await earning.register("ann")
        await earning.post(brings("d1", 16), brings("d2", 15), brings("d3", 11), brings("d4", 10))
        assert await earning.balances() == {"ann": 60 + 40}
        assert [code for _, _, code in await earning.outcomes()] == ["CAP_REACHED", None, "CAP_REACHED", None]
        await earning.post(rejects("d1", 6), rejects("d2", 1))  # now 10 kg of the first would have been within it
        assert await earning.balances() == {"ann": 56 + 40}
        assert await counters(earning) == {("ann", TODAY[:7], "textiles"): 96}
        await assert_explained(earning)
        await assert_counters_hold(earning)


async def test_a_rejection_that_came_first_leaves_no_use_behind(database: Database) -> None:
    caps = (Cap(points=50, per="member_lifetime"), Cap(points=500, per="campaign"))
    async with started(database.dsns["earning"], recycling(*caps)) as earning:
        await earning.register("ann")
        await earning.post(rejects("d1", 10), rejects("d2", 9))
        await earning.post(brings("d1", 10), brings("d2", 10), brings("d3", 10))
        assert await earning.balances() == {"ann": 0 + 4 + 40}
        assert await counters(earning) == {("ann", "lifetime", "textiles"): 44}
        assert await used_of_campaign(earning) == 44
        await assert_explained(earning)
        await assert_counters_hold(earning)


async def test_what_the_budget_refuses_uses_nothing(database: Database) -> None:
    pack = recycling(Cap(points=60, per="member_day"), approved_minor=200)  # 40 points
    async with started(database.dsns["earning"], pack) as earning:
        await earning.register("ann")
        await earning.post(brings("d1", 12), brings("d2", 10))
        assert [code for _, _, code in await earning.outcomes()] == ["BUDGET_EXHAUSTED", None]
        assert await counters(earning) == {("ann", TODAY, "textiles"): 40}
        await assert_counters_hold(earning)


@pytest.mark.parametrize("seed", range(1, 5))
async def test_any_history_of_drops_in_any_batches_counts_as_one_after_the_other(database: Database, seed: int) -> None:
    """Against a reckoning in a few lines: what is left of the day is given, and each kilogram rejected once."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    used, batches = 0, list[list[Delivered]]()
    brought, given, left = dict[str, int](), dict[str, int](), dict[str, int]()
    for number in range(60):
        if brought and chance.random() < 0.4:
            name = chance.choice(sorted(brought))
            gone = chance.randrange(1, brought[name] + 1)
            happening = rejects(name, gone, number)
            brought[name] -= gone
            stays = min(given[name], left[name], 4 * brought[name])
            used += stays - given[name]
            given[name] = stays
            brought = {name: kilograms for name, kilograms in brought.items() if kilograms}
        else:
            name = f"d{number}"
            brought[name], left[name] = chance.randrange(1, 12), 70 - used
            happening = brings(name, brought[name])
            given[name] = min(4 * brought[name], left[name])
            used += given[name]
        if not batches or chance.random() < 0.3 or batches[-1][0].topic != happening.topic:
            batches.append([])
        batches[-1].append(happening)
    async with started(database.dsns["earning"], recycling(Cap(points=70, per="member_day"))) as earning:
        await earning.register("ann")
        for batch in batches:
            await earning.post(*batch, *batch)
        assert await earning.balances() == {"ann": used}
        assert await counters(earning) == ({("ann", TODAY, "textiles"): used} if used else {})
        await assert_explained(earning)
        await assert_counters_hold(earning)


async def test_an_inviters_month_is_capped_and_a_reversed_order_makes_room_again(database: Database) -> None:
    caps = (Cap(points=150, per="member_lifetime"), Cap(points=1_000, per="campaign"))
    pack = program(rules=(ONE_PER_YUAN, INVITER.model_copy(update={"caps": caps})))
    async with started(database.dsns["earning"], pack) as earning:
        await earning.register("bob", partition=INVITERS)
        await earning.register("c1", "c2", "c3", "c4")

        async def invited(member_id: str) -> None:
            await earning.post(accepted(f"link-{member_id}", member_id, "bob"))
            await earning.post(record(f"buy-{member_id}", purchase(f"r-{member_id}", member_id, 1_000), ago=2 * DAY))
            await deliver(earning)

        for member_id in ("c1", "c2", "c3"):
            await invited(member_id)
        assert (await earning.balances())["bob"] == 100 + 50
        assert ("declined", "CAP_REACHED") in [
            (row["outcome"], row["code"])
            for row in await earning.running.pool.fetch("SELECT outcome, code FROM decision WHERE member_id = 'bob'")
        ]
        told = await assert_explained(earning)
        sides = {name: one["explanation"]["sides"][1] for name, one in told.items()}
        assert [(sides[name]["points"], sides[name]["granted"]) for name in ("c1", "c2", "c3")] == [
            (100, 100), (50, 50), (0, 0)
        ]  # fmt: skip
        assert sides["c3"]["caps"][0]["left"] == 0
        await earning.post(record("back", refund("f1", "r-c1", "c1", ("1", 1_000)), ago=DAY))
        await deliver(earning)
        assert (await earning.balances())["bob"] == 50
        assert await counters(earning) == {("bob", "lifetime", INVITER.rule_id): 50}
        await invited("c4")
        assert (await earning.balances())["bob"] == 150
        assert await used_of_campaign(earning) == 150
        await assert_explained(earning)
        await assert_counters_hold(earning)
        assert await earning.running.pool.fetchval("SELECT program_id FROM audit_cap_use LIMIT 1") == PROGRAM
