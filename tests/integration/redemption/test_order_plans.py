"""Every query about orders finds its rows by an index, with the generic plans that the service's connections use."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.redemption.store.orders import (
    CHANGE_BY_ID,
    CHANGE_BY_KEY,
    CHANGE_LINES,
    CHANGES,
    INSERT_ORDER,
    LAST_CHANGE,
    LINES,
    ORDER_BY_ID,
    ORDER_BY_KEY,
    ORDER_PAGE,
    SAVE_STEP,
    SERVED,
)
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import analyze_all, plan_of, read_whole
from tests.integration.redemption.harness import Redemption, start, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = """
    ALTER TABLE redemption DISABLE TRIGGER USER;
    ALTER TABLE reward_order DISABLE TRIGGER USER;
    ALTER TABLE order_change DISABLE TRIGGER USER;
    INSERT INTO redemption
    SELECT id, 'p', 'm-' || n % 1000, 10, id::text, '', 'r', now(), 10
      FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 20000) AS n) AS drawn;
    INSERT INTO reward_order (order_id, program_id, member_id, redemption_id, state, points, amount_minor, currency,
                              price_version, ordered_on, idempotency_key, body_hash, placed_at)
    SELECT redemption_id, 'p', member_id, redemption_id, 'fulfilled', 10, 0, 'CNY', 1, '2026-01-01',
           redemption_id::text, '', now()
      FROM redemption;
    INSERT INTO order_line (order_id, line_id, reward_id, kind, quantity, units_per_claim, points, amount_minor,
                            no_show_points, return_days, exclusion_confirmed, state, fulfilled_at, return_until)
    SELECT order_id, n, 'r', 'goods', 1, 1, 5, 0, 0, 7, false, 'fulfilled', now(), now()
      FROM reward_order, generate_series(1, 2) AS n;
    INSERT INTO order_change (change_id, order_id, kind, idempotency_key, body_hash, points, points_kept, amount_minor,
                              defect, no_show, reason, changed_at)
    SELECT order_id, order_id, 'fulfilled', 'k', '', 0, 0, 0, false, false, 'r', now() FROM reward_order;
    INSERT INTO order_change_line SELECT order_id, line_id, 1, 0, 0, 0 FROM order_line;
    INSERT INTO reward_claim (claim_id, program_id, member_id, reward_id, units, claimed_on, lines, periods)
    SELECT order_id, 'p', member_id, 'r', 1, '2026-01-01', '{}', '{}' FROM reward_order;
    INSERT INTO purchased_line (program_id, member_id, merchant_id, receipt_id, line_id, grant_id, labels, points,
                                bought_at, claim_id)
    SELECT 'p', member_id, 'm', order_id, '1', order_id, '{melon}', 1, now(), order_id FROM reward_order;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Redemption]:
    """20,000 orders of 1,000 members, with statistics."""
    started = await start(module_database.dsns["redemption"])
    await started.running.pool.execute(_MANY)
    await analyze_all(started.running.pool)
    yield started
    await stop(started)


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        pytest.param(ORDER_BY_ID, "reward_order_pkey", id="order"),
        pytest.param(ORDER_BY_KEY, "one_order_per_key", id="order by key"),
        pytest.param(ORDER_PAGE, "order_of_member", id="order page"),
        pytest.param(LINES, "order_line_pkey", id="lines"),
        pytest.param(CHANGE_BY_ID, "order_change_pkey", id="change"),
        pytest.param(CHANGE_BY_KEY, "one_change_per_key", id="change by key"),
        pytest.param(CHANGES, "one_change_per_key", id="changes"),
        pytest.param(LAST_CHANGE, "one_change_per_key", id="last change of a kind"),
        pytest.param(CHANGE_LINES, "order_change_line_pkey", id="lines of changes"),
        pytest.param(SERVED, "purchased_line_served", id="purchases that served"),
        pytest.param(SAVE_STEP.sql, "order_line_pkey", id="save a step"),
        pytest.param(INSERT_ORDER.sql, None, id="insert an order"),
    ],
)
async def test_the_plan_uses_the_index(crowded: Redemption, sql: str, index: str | None) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    assert index is None or f"using {index}" in plan or f"on {index}" in plan, plan
    assert re.findall(r"Seq Scan on (\w+)", plan) == [], plan


@pytest.mark.parametrize("sql", [pytest.param(SAVE_STEP.sql, id="save a step"), pytest.param(LINES, id="lines")])
async def test_a_plan_made_while_the_tables_were_empty_will_do_when_they_are_full(
    redemption: Redemption, sql: str
) -> None:
    await analyze_all(redemption.running.pool)
    assert read_whole(await plan_of(redemption.running.pool, sql)) == []
