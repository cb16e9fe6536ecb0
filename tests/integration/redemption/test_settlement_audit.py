"""The audit's check of settlement finds each way in which somebody could be paid for nothing, or not be paid."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from services.operator.audit.checks.settlement import DIFFERING
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import Redemption
from tests.integration.redemption.ordering import done, enrol, line, open_for_orders, ordered

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def superuser(redemption: Redemption, database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Over books with a settled order of two lines, of which one unit came back, and an order that waits."""
    open_for_orders(redemption)
    await enrol(redemption, 40_000)
    placed = await ordered(redemption, line("milk-tea", 5), line("plant-a-tree", 2), line("fruit-box"))
    await done(redemption, placed["order_id"], "fulfilments", "hand over")
    tea = next(each["line_id"] for each in placed["lines"] if each["reward_id"] == "milk-tea")
    lines = [{"line_id": tea, "quantity": 1}]
    await done(redemption, placed["order_id"], "returns", "bring back", lines=lines)
    replaced = await done(redemption, placed["order_id"], "replacements", "swap", lines=lines)
    await done(redemption, replaced["new_order_id"], "fulfilments", "hand over the other")
    await ordered(redemption, line("milk-tea", 7), key="waits")
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("SET search_path = redemption; SET session_replication_role = replica")
    yield connection
    await connection.close()


async def _wrong(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    return sorted({row["wrong"] for row in await connection.fetch(DIFFERING)})


async def test_books_that_agree_have_nothing_that_differs(superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await superuser.fetchval("SELECT count(*) FROM settlement_entry") == 5
    assert await _wrong(superuser) == []


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (
            "UPDATE settlement_entry SET units = 6 WHERE movement = 'fulfilled' AND units = 5",
            "units are owed for that no order handed over",
        ),
        (
            "UPDATE order_line SET state = 'placed', fulfilled_at = NULL, return_until = NULL"
            " WHERE reward_id = 'plant-a-tree'",
            "units are owed for that no order handed over",
        ),
        (
            "DELETE FROM settlement_entry WHERE movement = 'returned'",
            "units came back and are still owed, or the reverse",
        ),
        ("DELETE FROM settlement_entry", "units were handed over and nobody is owed"),
        (
            "UPDATE settlement_entry SET reward_id = 'cake'",
            "an entry names another reward or program than its order",
        ),
        (
            "INSERT INTO settlement_claim (claim_id, program_id, payee_kind, payee_id, period, period_from, period_to,"
            " units, owed_minor, currency, idempotency_key, body_hash, person, claimed_at)"
            " SELECT gen_random_uuid(), program_id, payee_kind, payee_id, period, period_from, period_to, 1, 1, 'CNY',"
            " 'k', '', 'p', now() FROM settlement_entry LIMIT 1",
            "a claim is not its statement",
        ),
    ],
)
async def test_each_difference_is_found(
    superuser: "asyncpg.Connection[asyncpg.Record]", change: str, wrong: str
) -> None:
    await superuser.execute("ALTER TABLE settlement_entry DISABLE TRIGGER ALL")
    await superuser.execute(change)
    assert wrong in await _wrong(superuser)
