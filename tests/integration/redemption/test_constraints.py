"""What the database itself refuses, whatever a bug would write."""

import hashlib
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import Redemption, clawed_back, confirmed, grant, grant_id, hold

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("statement", ["UPDATE journal SET points = 1", "DELETE FROM journal", "TRUNCATE journal"])
async def test_nobody_changes_the_journal(redemption: Redemption, database: Database, statement: str) -> None:
    await redemption.post(grant("r1", 100))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await redemption.running.pool.execute(statement)
    administrator = await asyncpg.connect(database.admin_dsn)
    try:
        await administrator.execute("SET search_path TO redemption")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await administrator.execute(statement)
    finally:
        await administrator.close()


async def test_a_changed_journal_row_no_longer_fits_its_hash(redemption: Redemption, database: Database) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 50))
    administrator = await asyncpg.connect(database.admin_dsn)
    try:
        await administrator.execute("SET search_path TO redemption; SET session_replication_role TO replica")
        await administrator.execute("UPDATE journal SET points = 51 WHERE points = 50")
    finally:
        await administrator.close()
    rows = await redemption.running.pool.fetch("SELECT points FROM audit_journal WHERE NOT hash_holds")
    assert [row["points"] for row in rows] == [51]


async def test_the_hash_of_a_journal_row_can_be_computed_elsewhere(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, member="back\\slash 买家"))
    row = await redemption.running.pool.fetchrow("SELECT * FROM journal")
    assert row is not None
    millennium = datetime(2000, 1, 1, tzinfo=UTC)
    instants = [
        f"{(row[name] - millennium) // timedelta(microseconds=1):016x}" for name in ("business_time", "posted_at")
    ]
    content = [str(value) for value in list(row.values())[1:11]]
    assert len(content + instants) == 12
    assert hashlib.sha256("\x1f".join(content + instants).encode()).digest() == row["row_hash"]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE lot SET remaining = remaining - 1", "every_point_once"),
        ("UPDATE lot SET remaining = remaining + redeemed + 1, redeemed = -1", "lot_redeemed_check"),
        ("UPDATE lot SET recalled = 101", "recalled_at_most_granted"),
        ("UPDATE wallet SET deficit = -1", "wallet_deficit_check"),
        ("UPDATE wallet SET deficit = 5", "claw_backs_settled"),
        ("UPDATE claw_back SET taken = taken + 1", "every_point_told"),
        ("UPDATE claw_back SET taken = taken + 1, points = points + 1", "claw_backs_recalled"),
        ("UPDATE allocation SET points = points - 1", "redemption_allocated"),
        ("UPDATE redemption SET points = points - 1", "redemption_allocated"),
        ("DELETE FROM allocation", "redemption_allocated"),
        ("UPDATE lot SET held = held - 1, remaining = remaining + 1 WHERE held > 0", "held_points_bound"),
        ("UPDATE hold_share SET points = points + 1 WHERE points > 0", "held_points_bound"),
        ("UPDATE hold SET held = held - 1, released = 1 WHERE state = 'open'", "hold_shares_sum"),
        ("UPDATE hold SET forfeited = forfeited - 1 WHERE state = 'confirmed'", "every_held_point_once"),
        ("UPDATE hold SET person = NULL WHERE state = 'confirmed'", "ended_by_a_person"),
        (
            "UPDATE hold SET held = held WHERE state = 'open'; UPDATE wallet SET open_holds = 0; "
            "UPDATE hold SET held = held",
            "open_holds_counted",
        ),
    ],
)
async def test_books_that_do_not_add_up_are_refused(redemption: Redemption, statement: str, constraint: str) -> None:
    await redemption.post(grant("r1", 100), clawed_back("f1", 10, of="r1"))
    assert (await redemption.spend(50, "till-1")).status_code == 201
    await redemption.post(hold("h1", points=5), hold("h2", points=5), confirmed("h2", 5))
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await redemption.running.pool.execute(statement)
    assert refused.value.constraint_name == constraint


async def test_an_allocation_from_another_members_lot_is_refused(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 100, member="m-2"))
    await redemption.spend(50, "till-1")
    with pytest.raises(asyncpg.CheckViolationError):
        await redemption.running.pool.execute("UPDATE allocation SET lot_id = $1", grant_id("r2"))


async def test_one_cause_posts_a_movement_once(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await redemption.running.pool.execute(
            """
            INSERT INTO journal (program_id, member_id, lot_id, grant_id, from_account, to_account, points,
                                 cause_type, cause_key, cause_id, business_time, posted_at, row_hash)
            SELECT program_id, member_id, lot_id, grant_id, from_account, to_account, points,
                   cause_type, cause_key, cause_id, business_time, posted_at, row_hash
              FROM journal
            """
        )
    assert refused.value.constraint_name == "one_posting_per_cause"


async def test_the_audit_role_reads_the_views_and_nothing_else(redemption: Redemption, database: Database) -> None:
    await redemption.post(grant("r1", 100), clawed_back("f1", 10, of="r1"))
    await redemption.spend(50, "till-1")
    auditor = await asyncpg.connect(database.dsns["greenpoints_audit"])
    try:
        for view in ("wallet", "lot", "journal", "redemption", "allocation", "claw_back", "refusal"):
            rows = await auditor.fetch(f"SELECT * FROM redemption.audit_{view}")  # noqa: S608 - names of ours
            assert bool(rows) is (view != "refusal")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await auditor.fetch("SELECT * FROM redemption.lot")
    finally:
        await auditor.close()
