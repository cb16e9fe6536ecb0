"""Tier floors as operators ask for them and decide them: each step in one transaction."""

from typing import Any

import asyncpg

from services.earning.decide.route import OWN_SOURCE
from services.earning.store.corrections import State
from shared.events.cloudevent import event_key
from shared.runtime.batch import Outgoing
from shared.runtime.dead_letters import INSERT_OUTBOX
from shared.runtime.ledger import outbox_arguments
from shared.runtime.postgres import Connection, Pool

READ = """
SELECT f.*, d.outcome, d.code
  FROM tier_floor AS f LEFT JOIN LATERAL (
       SELECT outcome, code FROM decision WHERE event_key = f.event_key OFFSET 0) AS d ON true
 WHERE f.program_id = $1 AND f.floor_id = $2
"""
WAITING = """
SELECT floor_id, member_id, tier_id, reason, evidence, requested_by, requested_at FROM tier_floor
 WHERE program_id = $1 AND state = 'requested' ORDER BY requested_at LIMIT 500
"""
LOCK = """
SELECT *, service_now() AS now FROM tier_floor WHERE program_id = $1 AND floor_id = $2 FOR NO KEY UPDATE
"""
INSERT = """
INSERT INTO tier_floor (program_id, floor_id, member_id, tier_id, reason, evidence, requested_by, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, service_now())
ON CONFLICT DO NOTHING RETURNING true
"""
DECIDE = """
UPDATE tier_floor SET state = $3, decided_by = $4, note = $5, decided_at = $6, event_id = $7, event_key = $8
 WHERE program_id = $1 AND floor_id = $2
"""


async def read(pool: Pool, program_id: str, floor_id: str) -> asyncpg.Record | None:
    """The floor as asked for and decided, and what earning made of it once it was approved."""
    return await pool.fetchrow(READ, program_id, floor_id)


async def waiting(pool: Pool, program_id: str) -> list[dict[str, Any]]:
    """Those that nobody has decided yet, the oldest first, at most 500."""
    return [dict(row) for row in await pool.fetch(WAITING, program_id)]


async def request(pool: Pool, values: tuple[object, ...], person: str) -> bool:
    """Enter a request: program, floor, member, tier, reason, evidence. False where its id is taken."""
    return bool(await pool.fetchval(INSERT, *values, person))


async def settle(
    connection: Connection, row: asyncpg.Record, state: State, person: str, note: str, told: Outgoing | None
) -> None:
    """Write the decision on a locked floor, and its event."""
    names = (None, None) if told is None else (told.event_id, event_key(OWN_SOURCE, str(told.event_id)))
    await connection.execute(DECIDE, row["program_id"], row["floor_id"], state, person, note, row["now"], *names)
    if told is not None:
        await connection.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments([told])))
