"""Every hot query finds its rows by an index, with the generic plans that the service's connections use."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.redemption.store.books import LOAD
from services.redemption.store.holds import HOLDS, SAVE_HOLDS
from services.redemption.store.lots import DUE_LOTS, OPEN_LOTS
from services.redemption.store.queries import (
    BALANCE,
    HOLD_PAGE,
    JOURNAL_PAGE,
    LOCK_WALLET,
    LOOK_THROUGH,
    LOT_PAGE,
    REDEMPTION,
    REDEMPTION_BY_KEY,
)
from services.redemption.store.save import SAVE_BATCH, SAVE_UNDER_LOCK
from services.redemption.store.sweep import LOCK_DUE_WALLETS
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import analyze_all, plan_of, read_whole
from tests.integration.redemption.harness import Redemption, start, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = """
    INSERT INTO wallet SELECT 'p', 'm-' || n FROM generate_series(1, 4000) AS n;
    INSERT INTO lot (lot_id, grant_id, program_id, member_id, class, points, remaining, redeemed, posted_state,
                     available_at, granted_at, expected_cost_minor, currency, budget_id, granted_event_id,
                     correlation_id, causation_id, source_type, source_id)
    SELECT id, id, 'p', 'm-' || n % 4000 + 1, 'CONSUMPTION', 10, 10 * (n % 2), 10 - 10 * (n % 2),
           CASE n % 100 WHEN 0 THEN 'pending' ELSE 'available' END, now() + n % 100 * interval '1 hour', now(), 50,
           'CNY', 'b', 'e', 'c', 'c', 'purchase.completed', 'c'
      FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 40000) AS n) AS drawn;
    INSERT INTO journal (program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                         cause_key, cause_id, business_time, posted_at, row_hash)
    SELECT program_id, member_id, lot_id, grant_id, 'issued', 'available', points, 't', lot_id, 'c', now(), now(),
           sha256('row') FROM lot;
    INSERT INTO redemption
    SELECT lot_id, program_id, member_id, 10, lot_id::text, '', 'r', now(), 10 FROM lot WHERE redeemed = 10;
    INSERT INTO allocation SELECT lot_id, lot_id, 10 FROM lot WHERE redeemed = 10;
    INSERT INTO hold (program_id, member_id, hold_id, scope, reason, deadline, case_id, placed_event_id, placed_key,
                      correlation_id, placed_at, state, person, note, decided_event_id, decided_key, decided_story,
                      decided_at, bound, held, taken_back, forfeited, released)
    SELECT program_id, member_id, lot_id, 'member', 'r', now(), 'c', 'e', lot_id, 's', now(), 'released', 'p', 'n', 'e',
           lot_id, 's', now(), 1, 0, 0, 0, 1
      FROM lot;
    INSERT INTO hold_share SELECT program_id, member_id, lot_id, lot_id, 0 FROM lot;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Redemption]:
    """4,000 members, 40,000 lots, with statistics."""
    started = await start(module_database.dsns["redemption"])
    await started.running.pool.execute(_MANY)
    for table in ("wallet", "lot", "journal", "redemption", "allocation", "claw_back", "hold", "hold_share"):
        await started.running.pool.execute(f"ANALYZE {table}")
    yield started
    await stop(started)


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        pytest.param(LOAD.sql, ["wallet_pkey", "lot_pkey"], id="load a batch"),
        pytest.param(OPEN_LOTS, ["lot_of_member", "lot_pkey"], id="open lots"),
        pytest.param(DUE_LOTS, ["lot_of_member"], id="due lots"),
        pytest.param(LOCK_DUE_WALLETS, ["lot_due", "wallet_pkey"], id="wallets to sweep"),
        pytest.param(LOCK_WALLET, ["wallet_pkey"], id="lock a wallet"),
        pytest.param(BALANCE, ["wallet_pkey", "lot_of_member"], id="balance"),
        pytest.param(JOURNAL_PAGE, ["journal_pkey"], id="journal page"),
        pytest.param(LOT_PAGE, ["lot_of_member"], id="lot page"),
        pytest.param(REDEMPTION, ["redemption_pkey"], id="redemption"),
        pytest.param(
            REDEMPTION_BY_KEY, ["redemption_program_id_member_id_idempotency_key_key"], id="redemption by key"
        ),
        pytest.param(HOLDS, ["hold_pkey", "hold_share_pkey"], id="holds of a batch"),
        pytest.param(HOLD_PAGE, ["hold_pkey", "hold_share_pkey"], id="hold page"),
        pytest.param(SAVE_HOLDS.sql, [], id="save holds"),
        pytest.param(LOOK_THROUGH, ["allocation_pkey", "lot_pkey"], id="look-through"),
        pytest.param(SAVE_BATCH.sql, ["lot_pkey"], id="save a batch"),
        pytest.param(SAVE_UNDER_LOCK.sql, ["lot_pkey"], id="save under lock"),
    ],
)
async def test_the_plan_uses_the_index(crowded: Redemption, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    for index in indexes:
        assert f"using {index}" in plan or f"on {index}" in plan, plan
    scanned = re.findall(r"Seq Scan on (\w+)", plan)
    small = {"partition_owner", "partition_offset", "claw_back", "inbox"}  # one row a partition, or empty here
    assert {table for table in scanned if not table.startswith("inbox_")} <= small, plan


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(LOAD.sql, id="load a batch"),
        pytest.param(OPEN_LOTS, id="open lots"),
        pytest.param(HOLDS, id="holds of a batch"),
        pytest.param(SAVE_BATCH.sql, id="save a batch"),
        pytest.param(SAVE_UNDER_LOCK.sql, id="save under lock"),
    ],
)
async def test_a_plan_made_while_the_tables_were_empty_will_do_when_they_are_full(
    redemption: Redemption, sql: str
) -> None:
    """A plan is kept until the next ANALYZE; meanwhile a table may grow from nothing to a hundred thousand rows."""
    await analyze_all(redemption.running.pool)
    plan = await plan_of(redemption.running.pool, sql)
    assert [index for index in read_whole(plan) if not index.startswith("partition_")] == [], plan


async def test_the_journal_page_needs_no_sort(crowded: Redemption) -> None:
    async with crowded.running.pool.acquire() as connection:
        rows = await connection.fetch(f"EXPLAIN {JOURNAL_PAGE}", "p", "m-1", 2**63 - 1, 100)
    assert "Sort" not in "\n".join(row[0] for row in rows)
