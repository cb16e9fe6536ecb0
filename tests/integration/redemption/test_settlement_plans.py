"""Settlement finds its rows by an index, however many orders there were."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from services.redemption.store.redeemability import REFUSALS, STOCK_REFUSALS
from services.redemption.store.settlement import BOOKS, TERMS
from services.redemption.store.statements import (
    CLAIM,
    CLAIM_BY_KEY,
    CLAIM_OF_STATEMENT,
    ENTRIES,
    STATEMENT_LINES,
    STATEMENTS,
)
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import plan_of
from tests.integration.redemption.harness import Redemption, start, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = """
    SET session_replication_role = replica;
    INSERT INTO settlement_book SELECT 'p', 'partner', 'partner-' || n FROM generate_series(1, 500) AS n;
    INSERT INTO settlement_entry (program_id, payee_kind, payee_id, document, order_id, line_id, reward_id, movement,
                                  units, unit_price_minor, unit_fee_minor, currency, settlement, period, period_from,
                                  period_to, happened_at, cause_id)
    SELECT 'p', 'partner', 'partner-' || n % 500 + 1, 'd', gen_random_uuid(), '1', 'r', 'fulfilled', 1, 800, 16, 'CNY',
           'month', to_char(first, 'YYYY-MM'), first, first + interval '1 month', first, gen_random_uuid()
      FROM (SELECT n, ('2025-01-01'::date + (n % 12) * interval '1 month')::date AS first
              FROM generate_series(1, 40000) AS n) AS drawn;
    INSERT INTO settlement_claim (claim_id, program_id, payee_kind, payee_id, period, period_from, period_to, units,
                                  owed_minor, currency, idempotency_key, body_hash, person, claimed_at)
    SELECT gen_random_uuid(), program_id, payee_kind, payee_id, period, min(period_from), min(period_to), count(*), 0,
           'CNY', payee_id || period, '', 'p', now()
      FROM settlement_entry GROUP BY program_id, payee_kind, payee_id, period;
    INSERT INTO refusal (program_id, member_id, code, idempotency_key, points, available, requested_at)
    SELECT 'p', 'm-' || n, 'OUT_OF_STOCK', 'k', 1, 0, now() - n * interval '1 hour' FROM generate_series(1, 20000) AS n;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def settled(module_database: Database) -> AsyncIterator[Redemption]:
    """500 partners, 40,000 lines handed over, 20,000 refusals, with statistics."""
    started = await start(module_database.dsns["redemption"])
    await _fill(module_database)
    for table in ("settlement_book", "settlement_entry", "settlement_claim", "refusal"):
        await started.running.pool.execute(f"ANALYZE {table}")
    yield started
    await stop(started)


async def _fill(database: Database) -> None:
    """As the administrator, whom no trigger keeps from writing so much at once."""
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("SET search_path = redemption; " + _MANY)
    await connection.close()


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        pytest.param(BOOKS, ["settlement_book_pkey"], id="books of a hand-over"),
        pytest.param(TERMS, ["settlement_of_line|fulfilled_once"], id="terms of a line"),
        pytest.param(STATEMENT_LINES, ["settlement_statement"], id="statement"),
        pytest.param(STATEMENTS, ["settlement_statement"], id="statements of a program"),
        pytest.param(ENTRIES, ["settlement_statement"], id="entries of a statement"),
        pytest.param(CLAIM_OF_STATEMENT, ["settlement_claim_program_id_payee_kind"], id="claim of a statement"),
        pytest.param(CLAIM_BY_KEY, ["settlement_claim_program_id_idempotency_key_key"], id="claim by key"),
        pytest.param(CLAIM, ["settlement_claim_pkey"], id="claim"),
        pytest.param(REFUSALS, ["refusal_by_time"], id="refusals"),
        pytest.param(STOCK_REFUSALS, ["refusal_by_time"], id="stock-outs"),
    ],
)
async def test_the_plan_uses_the_index(settled: Redemption, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(settled.running.pool, sql)
    for index in indexes:
        assert re.search(rf"(?:using|on) (?:{index})", plan), plan
    assert re.findall(r"Seq Scan on (\w+)", plan) == [], plan
