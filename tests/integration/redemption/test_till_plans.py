"""What a till's two statements do inside the database finds its rows by an index, the triggers at their end too.

PostgreSQL itself tells the plan of each statement that it ran (auto_explain), with the service's own settings.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from services.redemption.requests import authorize as authorizing
from services.redemption.routes import till as till_routes
from services.redemption.store import till
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import analyze_all, read_whole
from tests.integration.redemption.harness import PROGRAM, Redemption, grant, long_ago, registered, start, stop
from tests.integration.redemption.till import authorize, bill, capture, open_till

pytestmark = pytest.mark.asyncio(loop_scope="session")

_TELL_PLANS = """
    LOAD 'auto_explain';
    ALTER ROLE {role} IN DATABASE {database} SET session_preload_libraries = 'auto_explain';
    ALTER ROLE {role} IN DATABASE {database} SET auto_explain.log_min_duration = 0;
    ALTER ROLE {role} IN DATABASE {database} SET auto_explain.log_nested_statements = on;
    ALTER ROLE {role} IN DATABASE {database} SET auto_explain.log_level = 'log';
"""
_CROWD = f"""
    SET session_replication_role = replica;
    INSERT INTO wallet SELECT '{PROGRAM}', 'crowd-' || n FROM generate_series(1, 4000) AS n;
    INSERT INTO member SELECT program_id, member_id, now(), false, 'en' FROM wallet;
    INSERT INTO lot (lot_id, grant_id, program_id, member_id, class, points, remaining, redeemed, posted_state,
                     available_at, granted_at, expected_cost_minor, currency, budget_id, granted_event_id,
                     correlation_id, causation_id, source_type, source_id)
    SELECT id, id, '{PROGRAM}', 'crowd-' || n % 4000 + 1, 'CONSUMPTION', 10, 10 * (n % 2), 10 - 10 * (n % 2),
           'available', now(), now(), 50, 'CNY', 'b', 'e', 'c', 'c', 'purchase.completed', 'c'
      FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 20000) AS n) AS drawn;
    INSERT INTO redemption
    SELECT lot_id, program_id, member_id, 10, lot_id::text, '', 'r', now(), 10 FROM lot WHERE redeemed = 10;
    INSERT INTO allocation SELECT redemption_id, redemption_id, 10 FROM redemption;
    INSERT INTO point_authorization (authorization_id, program_id, member_id, merchant_id, idempotency_key, body_hash,
                                     points, amount_minor, currency, rate_points, rate_minor, step_points,
                                     price_version, state, placed_at, releases_at, ended_at, captured_points,
                                     captured_minor, redemption_id)
    SELECT redemption_id, program_id, member_id, 'shop', idempotency_key, '', 10, 10, 'CNY', 1, 1, 1, 1, 'captured',
           now(), now(), now(), 10, 10, redemption_id
      FROM redemption;
    INSERT INTO authorization_share SELECT redemption_id, redemption_id, 10 FROM redemption;
    INSERT INTO journal (program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                         cause_key, cause_id, business_time, posted_at, row_hash)
    SELECT program_id, member_id, lot_id, grant_id, 'issued', 'available', points, 't', lot_id, 'c', now(), now(),
           sha256('row') FROM lot;
    INSERT INTO hold (program_id, member_id, hold_id, scope, reason, deadline, case_id, placed_event_id, placed_key,
                      correlation_id, placed_at, state, person, note, decided_event_id, decided_key, decided_story,
                      decided_at, bound, held, taken_back, forfeited, released)
    SELECT program_id, member_id, lot_id, 'member', 'r', now(), 'c', 'e', lot_id, 's', now(), 'released', 'p', 'n', 'e',
           lot_id, 's', now(), 1, 0, 0, 0, 1
      FROM lot;
    INSERT INTO hold_share SELECT program_id, member_id, lot_id, lot_id, 0 FROM lot;
    RESET session_replication_role;
"""  # noqa: S608 - a name of the tests


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Redemption]:
    """4,000 members with 20,000 lots, half of them spent by bills; its connections can tell their plans."""
    dsn = module_database.dsns["redemption"]
    role = str(urlsplit(dsn).username)
    admin = await asyncpg.connect(module_database.admin_dsn)
    try:
        await admin.execute(_TELL_PLANS.format(role=role, database=module_database.name))
        first = await start(dsn)
        await stop(first)
        await admin.execute(f"SET search_path = {await _schema(dsn)}")
        await admin.execute(_CROWD)
    finally:
        await admin.close()
    started = await start(dsn)
    await analyze_all(started.running.pool)
    open_till(started)
    await started.post(registered("m-1"))
    await started.post(
        grant("a", 300, at=long_ago(20), life_days=90),
        grant("b", 400, at=long_ago(30)),
    )
    yield started
    await stop(started)


async def _schema(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval("SELECT current_schema()"))
    finally:
        await connection.close()


@contextmanager
def _told_by(connection: Any) -> Iterator[list[str]]:
    """The plans that the connection's statements had, each with its text."""
    plans: list[str] = []

    def hear(_connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if "plan:" in str(message.message):
            plans.append(str(message.message))

    connection.add_log_listener(hear)
    try:
        yield plans
    finally:
        connection.remove_log_listener(hear)


async def test_each_statement_of_a_till_finds_its_rows_by_an_index(
    crowded: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with crowded.running.pool.acquire() as connection:
        watched: Any = connection  # asked for rows as the pool is
        ask, take = till.authorize_at_once, till.capture_at_once
        monkeypatch.setattr(authorizing, "authorize_at_once", lambda _, *asked: ask(watched, *asked))
        monkeypatch.setattr(till_routes, "capture_at_once", lambda _, *asked: take(watched, *asked))
        await connection.execute("SET client_min_messages = 'log'")
        with _told_by(connection) as plans:
            placed = await authorize(crowded, "k1", bill(10_000), points=400)
            answer = await capture(crowded, placed["authorization_id"])
        await connection.execute("RESET client_min_messages")
    assert answer.json()["state"] == "captured"
    tables = ("wallet", "member", "point_authorization", "lot", "authorization_share")
    for table in tables:
        assert any(re.search(rf"(?:using|on) {table}\w* ?", plan) for plan in plans), (table, plans)
    assert len([plan for plan in plans if "INSERT INTO outbox" in plan]) == 2
    poor = [plan for plan in plans if read_whole(plan) or "Seq Scan" in plan]
    assert poor == [], "\n\n".join(poor)
