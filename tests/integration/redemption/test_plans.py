"""Every hot query finds its rows by an index, with the generic plans that the service's connections use."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.redemption.store.access_keys import FIND, LIST
from services.redemption.store.authorizations import (
    AUTHORIZATION,
    AUTHORIZATION_BY_KEY,
    AUTHORIZATIONS,
    DUE_AUTHORIZATIONS,
    PLACED_OF_MEMBER,
    SAVE_AUTHORIZATIONS,
)
from services.redemption.store.books import LOAD
from services.redemption.store.closing import CLOSE_WALLETS, CLOSURE
from services.redemption.store.debits import KNOWN, PAGE
from services.redemption.store.expiry import (
    DUE_STEPS,
    LOCK_EXPIRING_WALLETS,
    RECORD_NOTICES,
    SAVE_STEPS,
    SETTLE_NOTICES,
)
from services.redemption.store.extensions import COUNT_FROM, EXTENSION, IDLE_LOTS, LAST_ACTIVE
from services.redemption.store.holds import HOLDS, SAVE_HOLDS
from services.redemption.store.look_through import ORDER_LINES, PAID_BILLS, SETTLED, SOURCES, SPENT
from services.redemption.store.lots import CHILD_LOTS, DUE_LOTS, NAMED_LOTS, OPEN_LOTS
from services.redemption.store.members import PROFILE, SAVE_MEMBERS
from services.redemption.store.proofs import BLOCK_PAGE, BLOCKS_OF, MEMBER_ROWS, REDEMPTION_ROWS
from services.redemption.store.purchased_lines import RETURN_LINES
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
from services.redemption.store.quotes import DELETE_ENDED, QUOTE
from services.redemption.store.redeemability import FULFILMENT, SPENDABLE, TIERS
from services.redemption.store.restorations import OPEN_CHILD_LOTS, SAVE_RESTORATIONS, STILL_OUT
from services.redemption.store.save import SAVE_BATCH, SAVE_UNDER_LOCK
from services.redemption.store.seal_state import BLOCK_FROM, HEADS, NEWEST_BLOCKS
from services.redemption.store.seals import LAST_BLOCKS, ROWS_TO_SEAL
from services.redemption.store.standing import CLAIMED, UNSERVED
from services.redemption.store.stock import GIVE_BACK, LOCK_CLAIMED, LOCK_COUNTS, TAKE, TAKEN
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
    INSERT INTO member SELECT program_id, member_id, now(), false, 'en' FROM wallet;
    INSERT INTO tier_told (program_id, member_id, effective_at, tier_id, event_id)
    SELECT program_id, member_id, granted_at, 'gold', lot_id FROM lot;
    INSERT INTO expiry_notice SELECT lot_id, program_id, member_id, 7, now(), 1, now() FROM lot;
    INSERT INTO expiry_notice_lot SELECT lot_id, now(), 7, lot_id FROM lot;
    INSERT INTO stock_count
    SELECT 'p', 'r-' || n % 400, 'day', (date '2026-01-01' + n / 400)::text, 10, 10 FROM generate_series(1, 40000) AS n;
    INSERT INTO reward_claim
    SELECT lot_id, program_id, member_id, 'r-1', 1, 0, current_date, '{day}', '{2026-01-01}' FROM lot;
    INSERT INTO purchased_line
    SELECT program_id, member_id, 'shop', lot_id::text, '1', lot_id, '{melon}', 10, 0, now(),
           CASE WHEN redeemed > 0 THEN lot_id END FROM lot;
    INSERT INTO quote
    SELECT lot_id, program_id, member_id, lot_id::text, '', 1, '[]', now(), now() + interval '10 minutes' FROM lot;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Redemption]:
    """4,000 members, 40,000 lots, with statistics."""
    started = await start(module_database.dsns["redemption"])
    await started.running.pool.execute(_MANY)
    await started.running.pool.execute("ANALYZE")
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
        pytest.param(ROWS_TO_SEAL, ["journal_sealing"], id="rows to seal"),
        pytest.param(LAST_BLOCKS, ["journal_block_pkey"], id="last blocks"),
        pytest.param(HEADS, ["journal_block_pkey"], id="heads of chains"),
        pytest.param(BLOCK_FROM, ["journal_block_pkey"], id="block above those to verify"),
        pytest.param(NEWEST_BLOCKS, ["journal_block_pkey", "journal_sealing"], id="blocks to verify"),
        pytest.param(BLOCKS_OF, ["block_of_range"], id="blocks of an export"),
        pytest.param(BLOCK_PAGE, ["journal_block_pkey"], id="block page"),
        pytest.param(MEMBER_ROWS, ["journal_pkey"], id="a member's rows"),
        pytest.param(REDEMPTION_ROWS, ["journal_pkey", "allocation_pkey"], id="a redemption's rows"),
        pytest.param(SOURCES, ["allocation_pkey", "lot_pkey"], id="look-through with budgets"),
        pytest.param(ORDER_LINES, ["order_line_pkey"], id="orders of a redemption"),
        pytest.param(PAID_BILLS, ["authorization_of_redemption", "redemption_pkey"], id="bills of a redemption"),
        pytest.param(SPENT, ["redemption_pkey"], id="what a redemption spent"),
        pytest.param(SETTLED, ["settlement_entry_pkey", "reward_order_pkey"], id="what a redemption settled"),
        pytest.param(KNOWN, ["debit_pkey"], id="debit"),
        pytest.param(PAGE, ["debit_of_member"], id="debit page"),
        pytest.param(SPENDABLE, ["lot_of_member", "tier_told_pkey", "member_pkey"], id="spendable points of a program"),
        pytest.param(TIERS, ["tier_told_pkey"], id="tiers told of a program"),
        pytest.param(FULFILMENT, ["reward_order_pkey", "order_line_pkey"], id="fulfilment of a program"),
        pytest.param(FIND, ["access_key_pkey"], id="access key"),
        pytest.param(LIST, ["access_key_of_program"], id="access key page"),
        pytest.param(LOOK_THROUGH, ["allocation_pkey", "lot_pkey", "one_posting_per_cause"], id="look-through"),
        pytest.param(SAVE_BATCH.sql, ["lot_pkey"], id="save a batch"),
        pytest.param(SAVE_UNDER_LOCK.sql, ["lot_pkey"], id="save under lock"),
        pytest.param(PROFILE, ["wallet_pkey", "member_pkey", "tier_told_pkey"], id="profile"),
        pytest.param(SAVE_MEMBERS.sql, ["member_pkey"], id="save members"),
        pytest.param(LOCK_EXPIRING_WALLETS, ["lot_expiry_due", "wallet_pkey"], id="wallets with expiring lots"),
        pytest.param(DUE_STEPS, ["lot_of_member", "expiry_notice_lot_pkey"], id="steps towards expiry"),
        pytest.param(SAVE_STEPS.sql, ["lot_pkey"], id="save the steps"),
        pytest.param(RECORD_NOTICES, ["expiry_notice_pkey"], id="record notices"),
        pytest.param(
            SETTLE_NOTICES,
            ["expiry_notice_lots", "expiry_notice_lot_pkey", "expiry_notice_pkey", "lot_pkey"],
            id="settle notices",
        ),
        pytest.param(
            LAST_ACTIVE, ["lot_of_member", "redemption_program_id_member_id_idempotency_key_key"], id="active"
        ),
        pytest.param(IDLE_LOTS, ["lot_of_member"], id="lots that expire by inactivity"),
        pytest.param(COUNT_FROM, ["lot_pkey"], id="dates count from"),
        pytest.param(EXTENSION, [], id="extension"),
        pytest.param(CLOSURE, [], id="closure"),
        pytest.param(CLOSE_WALLETS, ["wallet_pkey"], id="close wallets"),
        pytest.param(TAKE.sql, ["purchased_line_unserved"], id="take stock"),
        pytest.param(TAKEN, ["stock_count_pkey"], id="stock taken"),
        pytest.param(LOCK_CLAIMED, ["reward_claim_pkey", "stock_count_pkey"], id="lock stock to give back"),
        pytest.param(LOCK_COUNTS, ["reward_claim_pkey", "stock_count_pkey"], id="lock stock to exchange"),
        pytest.param(GIVE_BACK, ["reward_claim_pkey", "stock_count_pkey", "purchased_line_served"], id="give back"),
        pytest.param(CLAIMED, ["reward_claim_of_member"], id="a member's claims"),
        pytest.param(UNSERVED, ["purchased_line_unserved"], id="purchases that have not served"),
        pytest.param(RETURN_LINES, ["purchased_line_of_grant"], id="lines refunded"),
        pytest.param(QUOTE, ["quote_pkey"], id="quote"),
        pytest.param(DELETE_ENDED, ["quote_ended"], id="delete ended quotes"),
        pytest.param(NAMED_LOTS, ["lot_pkey"], id="named lots"),
        pytest.param(CHILD_LOTS, ["lot_child_of_grant"], id="children of lots"),
        pytest.param(STILL_OUT, ["allocation_pkey", "restored_share_of_allocation"], id="still out of redemptions"),
        pytest.param(OPEN_CHILD_LOTS.sql, ["lot_pkey"], id="open child lots"),
        pytest.param(SAVE_RESTORATIONS.sql, [], id="save restorations"),
        pytest.param(AUTHORIZATION, ["point_authorization_pkey"], id="authorization"),
        pytest.param(
            AUTHORIZATION_BY_KEY, ["point_authorization_program_id_member_id_idempotency_key_key"], id="by key"
        ),
        pytest.param(AUTHORIZATIONS, ["point_authorization_pkey"], id="authorizations"),
        pytest.param(PLACED_OF_MEMBER, ["authorization_to_release"], id="placed of a member"),
        pytest.param(DUE_AUTHORIZATIONS, ["authorization_to_release"], id="authorizations to release"),
        pytest.param(SAVE_AUTHORIZATIONS.sql, [], id="save authorizations"),
    ],
)
async def test_the_plan_uses_the_index(crowded: Redemption, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    for index in indexes:
        assert f"using {index}" in plan or f"on {index}" in plan, plan
    scanned = re.findall(r"Seq Scan on (\w+)", plan)
    # one row a partition, or empty here
    small = {"partition_owner", "partition_offset", "claw_back", "inbox", "closure", "extension"}
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
