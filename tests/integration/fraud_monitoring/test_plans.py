"""Every hot query finds its rows by an index, with the generic plans that the service's connections use."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.fraud_monitoring.store import decide, queries, save
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import plan_of
from tests.integration.fraud_monitoring.books import Books, books_in

_MANY = """
    INSERT INTO fraud_case (case_id, rule, program_id, subject_key, member_id, window_start, window_end, value,
                            threshold, correlation_id, opened_at, deadline)
    SELECT gen_random_uuid(), 'r', 'p', 'p/m-' || n, 'm-' || n, now(), now(), 5, 5, 'c-' || n, now(),
           now() + n * interval '1 minute' FROM generate_series(1, 20000) AS n;
    INSERT INTO signal
    SELECT case_id, case_id, rule, program_id, member_id, subject_key, window_start, window_end, value, threshold, '{}',
           correlation_id, correlation_id, opened_at FROM fraud_case;
    INSERT INTO hold (hold_id, case_id, signal_id, program_id, member_id, scope, grant_ids, reason, deadline,
                      causation_id, correlation_id, placed_at, placed_event_id)
    SELECT case_id, case_id, case_id, program_id, member_id, 'member', '{}', rule, deadline, correlation_id,
           correlation_id, opened_at, case_id FROM fraud_case;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Books]:
    """20,000 open cases with a signal and a hold each, with statistics."""
    async with books_in(module_database.dsns["fraud_monitoring"]) as books:
        await books.running.pool.execute(_MANY)
        for table in ("fraud_case", "signal", "hold", "decision"):
            await books.running.pool.execute(f"ANALYZE {table}")
        yield books


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        pytest.param(save.SAVE_HELD, ["hold_pkey"], id="what redemption holds"),
        pytest.param(queries.CASES, ["fraud_case_queue"], id="queue"),
        pytest.param(queries.CASE, ["fraud_case_pkey"], id="case"),
        pytest.param(queries.HOLDS, ["hold_case"], id="holds of a case"),
        pytest.param(queries.SIGNALS, ["signal_case"], id="signals of a case"),
        pytest.param(queries.ESCALATE, ["fraud_case_due"], id="escalate"),
        pytest.param(queries.TRACED_CASES, ["fraud_case_story", "hold_story", "hold_cause", "hold_pkey"], id="trace"),
        pytest.param(decide.LOCK_CASE, ["fraud_case_pkey"], id="lock a case"),
        pytest.param(decide.LOCK_HOLDS, ["hold_case", "hold_member"], id="lock its holds"),
        pytest.param(decide.SETTLE_HOLDS, ["hold_pkey"], id="settle holds"),
        pytest.param(save.SAVE_OUTCOMES.sql, [], id="save outcomes"),
    ],
)
async def test_the_plan_uses_the_index(crowded: Books, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    for index in indexes:
        assert f"using {index}" in plan or f"on {index}" in plan, plan
    assert not re.findall(r"Seq Scan on (\w+)", plan), plan
