"""Tiers and segments through the real books: rise, fall by the timer, refunds, late events, and rules that ask."""

import random
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from services.earning.store.tier_ends import tell_tier_ends
from shared.events.cloudevent import derived_id
from shared.events.member_updated import MemberUpdated
from shared.programs.pack import ProgramPack
from shared.programs.rules import PerOrderRule, RateRule, When
from shared.programs.tiers import Tiers
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, Earning, program, record, registration, started

DAY = timedelta(days=1)
TIERS = "members.tiers.v1"


def tiered(*, rules: tuple[Any, ...] = (), **changes: Any) -> ProgramPack:
    """Silver from 100, gold from 300 points (or yuan) of the last 30 days, good for 20 days; gold earns 50 more."""
    by_money = changes.pop("qualify_by", "points") == "money"
    part = {
        "qualify_by": "money" if by_money else "points",
        "window": {"rolling_days": 30},
        "validity": {"days": 20},
        "levels": [
            {"tier_id": "silver", "name": {"zh-CN": "银", "en": "Silver"}, "threshold": 10_000 if by_money else 100},
            {"tier_id": "gold", "name": {"zh-CN": "金", "en": "Gold"}, "threshold": 30_000 if by_money else 300},
        ],
        **changes,
    }
    base = RateRule(rule_id="base", budget_id="marketing", points=1, per_minor=100)
    gold = PerOrderRule(rule_id="gold", budget_id="marketing", points=50, when=When(tiers=("gold",)))
    return program(rules=rules or (base, gold), tiers=Tiers.model_validate(part))


async def told(earning: Earning) -> list[tuple[str | None, str | None, str, str, int]]:
    """(before, after, direction, reason, counter) of every tier.changed, in order."""
    rows = [orjson.loads(row["payload"])["data"] for row in await earning.outbox(TIERS)]
    return [
        (row.get("tier_before"), row.get("tier_after"), row["direction"], row["reason"], row["counter"]) for row in rows
    ]


async def tier_of(earning: Earning, member: str = "ann") -> str | None:
    row = await earning.running.pool.fetchval("SELECT holdings FROM member_tier WHERE member_id = $1", member)
    holdings = orjson.loads(row or "[]")
    return holdings[-1][0] if holdings else None


async def assert_tiers_hold(earning: Earning) -> None:
    """What counts per day is what was granted less what was clawed back; the last change names what the member has."""
    wrong = await earning.running.pool.fetch(
        """
        WITH granted AS (
            SELECT member_id, (event_time AT TIME ZONE 'Asia/Shanghai')::date AS day,
                   sum(points - clawed_back) AS points
              FROM issued_grant GROUP BY 1, 2
        )
        SELECT * FROM granted FULL JOIN tier_progress AS p USING (member_id, day)
         WHERE coalesce(granted.points, 0) <> coalesce(p.points, 0)
        """
    )
    assert wrong == []
    mismatch = await earning.running.pool.fetch(
        """
        SELECT member_id FROM (SELECT DISTINCT ON (member_id) member_id, tier_after FROM tier_change
                                ORDER BY member_id, place DESC) AS c
          JOIN member_tier AS t USING (member_id)
         WHERE c.tier_after IS DISTINCT FROM t.holdings -> -1 ->> 0
        """
    )
    assert mismatch == []
    await earning.assert_books_hold()


async def test_a_receipt_is_judged_by_the_tier_before_it_and_the_next_one_by_what_it_reached(
    database: Database,
) -> None:
    async with started(database.dsns["earning"], tiered()) as earning:
        await earning.register("ann")
        await earning.post(
            record("a", purchase("r1", "ann", 30_000), ago=3 * DAY),  # 300: lifts to gold, and gets no 50 for it
            record("b", purchase("r2", "ann", 600, 400), ago=2 * DAY),  # 10 and 50
        )
        assert await earning.balances() == {"ann": 360}
        assert await told(earning) == [(None, "gold", "up", "qualified", 300)]
        await earning.post(record("c", purchase("r3", "ann", 1_000), ago=DAY))  # in a batch of its own
        assert await earning.balances() == {"ann": 420}
        late = record("d", purchase("r4", "ann", 1_000), ago=4 * DAY)  # before the member was gold
        await earning.post(late, record("d", purchase("r4", "ann", 1_000), ago=4 * DAY))
        assert await earning.balances() == {"ann": 430}
        assert await tier_of(earning) == "gold"
        facts = await earning.running.pool.fetchval("SELECT facts ->> 'tier' FROM receipt WHERE receipt_id = 'r2'")
        assert facts == "gold"
        await earning.post(record("e", refund("f1", "r2", "ann", ("2", 400)), ago=timedelta(hours=1)))
        assert await earning.balances() == {"ann": 426}, "what remains is judged by the tier of its time"
        await assert_tiers_hold(earning)


async def test_the_lowest_tier_is_reached_by_its_very_threshold_over_days_and_not_by_a_point_less(
    database: Database,
) -> None:
    async with started(database.dsns["earning"], tiered()) as earning:
        await earning.register("ann", "bea")
        await earning.post(
            record("a", purchase("r1", "ann", 6_000), ago=3 * DAY),
            record("b", purchase("r2", "bea", 6_000), ago=3 * DAY),
            record("c", purchase("r3", "ann", 4_000), ago=2 * DAY),
            record("d", purchase("r4", "bea", 3_900), ago=2 * DAY),
        )
        assert (await tier_of(earning, "ann"), await tier_of(earning, "bea")) == ("silver", None)
        await earning.post(record("e", purchase("r5", "bea", 100), ago=DAY))  # in a batch of its own
        assert await tier_of(earning, "bea") == "silver"
        await assert_tiers_hold(earning)


@pytest.mark.parametrize("seed", range(1, 5))
async def test_any_history_in_any_batches_tells_what_one_event_after_the_other_tells(
    database: Database, seed: int
) -> None:
    """The same purchases and refunds, late ones too, for one member event by event, for another in batches."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    receipts: list[tuple[str, int]] = []
    happenings: list[tuple[str, str, int, timedelta]] = []
    for number in range(60):
        if receipts and chance.random() < 0.3:
            receipt, net = receipts.pop(chance.randrange(len(receipts)))
            happenings.append(("refund", receipt, net, timedelta(minutes=60 - number)))
            continue
        receipts.append((f"r{number}", chance.randrange(1_000, 12_000)))
        ago = DAY * chance.choice((1, 1, 2, 20, 60 - number)) + timedelta(minutes=90 - number)
        happenings.append(("purchase", *receipts[-1], ago))
    async with started(database.dsns["earning"], tiered(grace_days=3, window={"rolling_days": 15})) as earning:
        await earning.register("ann", "bea")

        def events(member: str) -> list[Delivered]:
            made = []
            for place, (kind, receipt, net, ago) in enumerate(happenings):
                name = f"{member}-{receipt}"
                data = (
                    purchase(name, member, net) if kind == "purchase" else refund(f"f-{name}", name, member, ("1", net))
                )
                made.append(record(f"{member}-{place}", data, ago=ago))
            return made

        for each in events("ann"):
            await earning.post(each)
        batched = events("bea")
        while batched:
            size = chance.choice((2, 5, 30))
            await earning.post(*batched[:size])
            del batched[:size]
        rows = await earning.running.pool.fetch(
            """
            SELECT member_id, place, effective_at, tier_before, tier_after, reason, counter, valid_until
              FROM tier_change ORDER BY place
            """
        )
        by_member = {name: [tuple(row)[1:] for row in rows if row["member_id"] == name] for name in ("ann", "bea")}
        print(f"seed {seed}: {[row[3:5] for row in by_member['ann']]}")
        assert by_member["ann"], "a history that shows something"
        assert by_member["bea"] == by_member["ann"]
        balances = await earning.balances()
        assert balances["ann"] == balances["bea"]
        await assert_tiers_hold(earning)


async def test_the_refund_of_what_lifted_takes_the_tier_back_at_once(database: Database) -> None:
    async with started(database.dsns["earning"], tiered(grace_days=10)) as earning:
        await earning.register("ann")
        await earning.post(
            record("a", purchase("r1", "ann", 12_000), ago=5 * DAY),
            record("b", purchase("r2", "ann", 18_000), ago=4 * DAY),
        )
        assert await tier_of(earning) == "gold"
        await earning.post(record("c", refund("f1", "r2", None, ("1", 18_000)), ago=2 * DAY, key=f"{PROGRAM}/ann"))
        assert await tier_of(earning) == "silver"
        await earning.post(record("d", refund("f2", "r1", "ann", ("1", 12_000)), ago=DAY))
        assert await tier_of(earning) is None
        assert await told(earning) == [
            (None, "silver", "up", "qualified", 120), ("silver", "gold", "up", "qualified", 300),
            ("gold", "silver", "down", "refunded", 120), ("silver", None, "down", "refunded", 0),
        ]  # fmt: skip
        progress = await earning.running.pool.fetch("SELECT points, money_minor FROM tier_progress")
        assert {tuple(row) for row in progress} == {(0, 0)}
        await assert_tiers_hold(earning)


async def test_a_refund_that_came_before_its_purchase_never_lifts(database: Database) -> None:
    async with started(database.dsns["earning"], tiered()) as earning:
        await earning.register("ann")
        await earning.post(record("a", refund("f1", "r1", "ann", ("1", 30_000)), ago=DAY))
        await earning.post(record("b", purchase("r1", "ann", 30_000), ago=2 * DAY))
        assert await told(earning) == []
        await assert_tiers_hold(earning)


async def test_money_counts_whether_or_not_a_rule_gives_points_and_goes_with_its_refund(database: Database) -> None:
    rule = RateRule(rule_id="pears", budget_id="marketing", points=1, per_minor=100, when=When(skus=("pear-1",)))
    async with started(database.dsns["earning"], tiered(qualify_by="money", rules=(rule,))) as earning:
        await earning.register("ann")
        await earning.post(
            record("a", purchase("r1", "ann", 6_000, 3_999), ago=3 * DAY),
            record("b", purchase("r2", "ann", 1), ago=2 * DAY),
        )
        assert await told(earning) == [(None, "silver", "up", "qualified", 10_000)]
        await earning.post(record("c", refund("f1", "r1", "ann", ("2", 3_999)), ago=DAY))
        assert await told(earning) == [
            (None, "silver", "up", "qualified", 10_000), ("silver", None, "down", "refunded", 6_001)
        ]  # fmt: skip
        assert await earning.running.pool.fetchval("SELECT sum(money_minor)::bigint FROM tier_progress") == 6_001


@pytest.mark.parametrize("by", ["timer", "purchase", "both"])
async def test_the_end_of_validity_is_judged_alike_whoever_gets_there_first(database: Database, by: str) -> None:
    async with started(database.dsns["earning"], tiered(grace_days=5, window={"rolling_days": 15})) as earning:
        await earning.post(registration("ann"))
        await earning.post(record("a", purchase("r1", "ann", 30_000), ago=40 * DAY))
        if by in ("timer", "both"):
            # the end of validity was 20 days ago, that of the grace 15: each is told when it has come
            for _ in range(3):
                await tell_tier_ends(earning.running)
                await tell_tier_ends(earning.running)
                await earning.redeliver("earning.effects.v1")
        if by in ("purchase", "both"):
            await earning.post(record("b", purchase("r2", "ann", 1_000), ago=DAY))
            assert await earning.balances() == {"ann": 310}, "no bonus for gold: it ended before this receipt"
        changes = [orjson.loads(row["payload"]) for row in await earning.outbox(TIERS)]
        assert [change["data"]["direction"] for change in changes] == ["up", "down"]
        fall = changes[1]
        assert fall["data"] | {"tier_before": "gold", "reason": "validity_ended", "counter": 0} == fall["data"]
        assert "tier_after" not in fall["data"]
        # 15 days after it r1 counts no longer; the tier is good for 20, its grace for 5 more
        start = (NOW - 40 * DAY + timedelta(hours=8)).replace(hour=0, minute=0, second=0) - timedelta(hours=8)
        assert datetime.fromisoformat(fall["data"]["effective_at"]) == start + 26 * DAY
        assert datetime.fromisoformat(fall["time"]) == start + 26 * DAY
        assert fall["id"] == str(derived_id("/earning", _due_id(start + 26 * DAY), "tier"))
        assert fall["data"]["causation_id"] == f"/earning#{_due_id(start + 26 * DAY)}"
        await assert_tiers_hold(earning)


async def test_a_refund_long_after_takes_no_tier_that_other_receipts_reached(database: Database) -> None:
    """What lifted lies before the window that ends now: it is looked up all the same."""
    async with started(database.dsns["earning"], tiered(validity={"days": 90})) as earning:
        await earning.register("ann")
        await earning.post(
            record("a", purchase("r1", "ann", 30_000), ago=80 * DAY),
            record("b", purchase("r2", "ann", 1_000), ago=79 * DAY),
        )
        await earning.post(record("c", refund("f1", "r2", "ann", ("1", 1_000)), ago=DAY))
        assert await tier_of(earning) == "gold"
        await earning.post(record("d", refund("f2", "r1", "ann", ("1", 100)), ago=timedelta(hours=1)))
        assert await tier_of(earning) is None, "299 never were gold, and now nothing counts"
        await assert_tiers_hold(earning)


async def test_a_late_event_lifts_to_nothing_that_has_ended_since(database: Database) -> None:
    async with started(database.dsns["earning"], tiered()) as earning:
        await earning.register("ann")
        await earning.post(record("a", purchase("r1", "ann", 30_000), ago=60 * DAY))
        for _ in range(3):
            await tell_tier_ends(earning.running)
            await earning.redeliver("earning.effects.v1")
        assert await tier_of(earning) is None
        await earning.post(
            record("b", purchase("r2", "ann", 30_000), ago=59 * DAY),  # good until 39 days ago; it fell later
            record("c", purchase("r3", "ann", 1_000), ago=58 * DAY),  # judged as gold, which it was then
        )
        assert await tier_of(earning) is None
        assert await earning.balances() == {"ann": 300 + 350 + 60}
        assert [direction for _, _, direction, _, _ in await told(earning)] == ["up", "kept", "down"]
        await assert_tiers_hold(earning)


def _due_id(due_at: datetime) -> str:
    return str(derived_id("/earning", f"{PROGRAM}/ann", f"tier/due/{due_at.isoformat()}"))


async def test_segments_of_the_profile_admit_and_refuse(database: Database) -> None:
    base = RateRule(rule_id="base", budget_id="marketing", points=1, per_minor=100)
    parents = PerOrderRule(rule_id="parents", budget_id="marketing", points=7, when=When(segments=("parents", "x")))
    others = PerOrderRule(rule_id="others", budget_id="marketing", points=3, unless=When(segments=("parents",)))
    async with started(database.dsns["earning"], program(rules=(base, parents, others))) as earning:
        await earning.post(registration("ann", segments=("parents", "early")), registration("bea"))
        await earning.post(
            record("a", purchase("r1", "ann", 600, 400), ago=3 * DAY),
            record("b", purchase("r2", "bea", 1_000), ago=3 * DAY),
        )
        assert await earning.balances() == {"ann": 17, "bea": 13}
        profile = MemberUpdated(program_id=PROGRAM, member_id="ann", registered_at=NOW, phone_verified=True)
        await earning.post(record("u", profile, ago=2 * DAY))
        await earning.post(record("c", purchase("r3", "ann", 1_000), ago=DAY))
        assert await earning.balances() == {"ann": 30, "bea": 13}
        await earning.post(record("d", refund("f1", "r1", "ann", ("2", 400)), ago=timedelta(hours=1)))
        assert await earning.balances() == {"ann": 26, "bea": 13}, "judged as it was: the segments are stored"
        await earning.assert_books_hold()
