"""The audit's check of counters and tiers: silent over any honest history, loud over each falsified number."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest_asyncio

from services.operator.audit.checks.counters_and_tiers import DIFFERING, LOOKED_AT, NOWHERE
from shared.programs.rules import Cap, MultiplierRule
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import Earning, program, record, started
from tests.integration.earning.test_corrections import Office
from tests.integration.earning.test_counted_caps import rate
from tests.integration.earning.test_occasions import ACTIVITIES, EFFECTS, did, joined, proof
from tests.integration.earning.test_tier_floors import ask, decide
from tests.integration.earning.test_tiers import tiered
from tests.integration.redemption.harness import start, stop
from tests.unit.earning.rule_builders import rule

DAY = timedelta(days=1)
SEED = 7


def terms() -> Any:
    caps = (Cap(points=150, per="member_day", over="partial"), Cap(points=900, per="member_lifetime", over="partial"))
    campaign = MultiplierRule(
        rule_id="double", budget_id="marketing", factor=2, caps=(Cap(points=400, per="campaign", over="partial"),)
    )
    deeds = rule(
        "deeds", "activity", points=20, activities=["daily", "lesson"],
        caps=[{"points": 30, "per": "member_day"}, {"points": 90, "per": "campaign"}],
    )  # fmt: skip
    return program(rules=(rate(*caps), campaign, deeds), activities=ACTIVITIES, tiers=tiered().tiers)


async def live(office: Office) -> None:
    """Purchases, refunds, deeds and a correction of three members, in batches; a floor for one of them."""
    chance, earning = random.Random(SEED), office.earning  # noqa: S311 - repeatable on purpose
    await earning.post(*(joined(f"j-{member}", member) for member in ("ann", "bea", "cem")))
    for batch in range(12):
        events = []
        for number in range(6):
            member, name = chance.choice(("ann", "bea", "cem")), f"{batch}-{number}"
            ago = chance.randrange(1, 8) * DAY
            events.append(record(f"b-{name}", purchase(f"r-{name}", member, chance.randrange(500, 20_000)), ago=ago))
            if batch and chance.random() < 0.4:
                receipt = f"r-{batch - 1}-{number}"
                row = await earning.running.pool.fetchrow(
                    "SELECT member_id, net_minor FROM receipt JOIN receipt_line USING (receipt_key, member_id)"
                    " WHERE receipt_id = $1",
                    receipt,
                )
                assert row is not None
                back = refund(f"f-{name}", receipt, row["member_id"], ("1", row["net_minor"] // 2))
                events.append(record(f"x-{name}", back))
        await earning.post(*events)
        await earning.post(did(f"d-{batch}", "daily", score=5, days=batch % 3 + 1))
        await earning.post(did(f"l-{batch}", "lesson", "bea", days=2, evidence_sha256=proof(batch)))
    await office.ask()
    await office.decide("jun")
    await ask(office, member_id="cem")
    await decide(office, "jun")
    await earning.redeliver(EFFECTS, recorded=datetime.now(UTC))


@dataclass
class Audited:
    earning: Earning
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def wrong(self) -> set[str]:
        rows = [*await self.admin.fetch(DIFFERING), *await self.admin.fetch(NOWHERE)]
        return {row["wrong"] for row in rows}


@pytest_asyncio.fixture(loop_scope="session")
async def audited(database: Database) -> AsyncIterator[Audited]:
    redemption = await start(database.dsns["redemption"])
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        async with started(database.dsns["earning"], terms()) as earning:
            pack = terms()
            await earning.running.pool.execute(
                "INSERT INTO program_version VALUES ($1, $2, now(), now(), now(), 0, $3)",
                PROGRAM, pack.version, pack.model_dump_json(),
            )  # fmt: skip
            await live(Office(earning))
            for row in await earning.outbox("members.tiers.v1"):
                data = orjson.loads(row["payload"])["data"]
                await redemption.running.pool.execute(
                    "INSERT INTO tier_told (program_id, member_id, effective_at, tier_id, event_id)"
                    " VALUES ($1, $2, $3, $4, $5)",
                    PROGRAM, data["member_id"], datetime.fromisoformat(data["effective_at"]), data.get("tier_after"),
                    row["event_id"],
                )  # fmt: skip
            await admin.execute("SET session_replication_role = replica")
            yield Audited(earning, admin)
    finally:
        await admin.close()
        await stop(redemption)


FALSIFIED = (
    ("counter of a cap differs from what was granted under it",
     "UPDATE earning.member_counter SET used = used + 1 WHERE period = 'lifetime' AND member_id = 'ann'"),
    ("counter of a cap differs from what was granted under it",
     "UPDATE earning.occasion SET cap_uses = '[]' WHERE member_id = 'bea'"),
    ("campaign differs from what was granted under it",
     "UPDATE earning.campaign_slice SET used = used - 1 WHERE rule_id = 'deeds' AND used > 0"),
    ("points that count for the tier differ from those granted",
     "UPDATE earning.tier_progress SET points = points + 1"
     " WHERE member_id = 'bea' AND day = (SELECT max(day) FROM earning.tier_progress WHERE member_id = 'bea')"),
    ("changes of a tier do not follow on each other",
     "UPDATE earning.tier_change SET tier_before = 'platinum' WHERE place = 1"),
    ("tier told last is not the one the member has",
     "UPDATE earning.member_tier SET holdings = '[]', floor = NULL, floor_since = NULL"),
    ("floor that no two persons agreed on",
     "UPDATE earning.member_tier SET floor = 'silver' WHERE member_id = 'cem'"),
    ("tier in redemption that earning did not tell",
     "UPDATE redemption.tier_told SET tier_id = 'platinum' WHERE member_id = 'cem'"),
    ("tier told by earning and nowhere else", "DELETE FROM redemption.tier_told; DELETE FROM earning.outbox"),
)  # fmt: skip


async def test_an_honest_history_is_silent_and_each_falsified_number_is_loud(audited: Audited) -> None:
    print(f"seed {SEED}")
    pool = audited.earning.running.pool
    figures = await pool.fetchrow(
        "SELECT (SELECT count(*) FROM audit_cap_use) AS uses, (SELECT count(*) FROM tier_change) AS changes,"
        " (SELECT count(*) FROM claw_back) AS taken, (SELECT count(*) FROM occasion) AS occasions"
    )
    assert figures is not None
    assert min(figures.values()) > 3
    assert sum(row["count"] for row in await audited.admin.fetch(LOOKED_AT)) > 20
    assert await audited.wrong() == set()
    for wrong, falsify in FALSIFIED:
        transaction = audited.admin.transaction()
        await transaction.start()
        await audited.admin.execute(falsify)
        assert wrong in await audited.wrong(), falsify
        await transaction.rollback()
    assert await audited.wrong() == set()


async def test_members_of_before_are_not_accused(audited: Audited) -> None:
    """Of occasions decided before their uses were kept nobody can say what they used."""
    await audited.admin.execute("UPDATE earning.occasion SET cap_uses = NULL WHERE kind = 'activity'")
    assert await audited.wrong() == set()
