"""Corrections of balances as operators ask for them and decide them: each step in one transaction."""

from typing import Any, Literal
from uuid import UUID

import asyncpg

from services.earning.decide.debit import id_of_debit
from services.earning.decide.route import OWN_SOURCE
from shared.events.cloudevent import event_key
from shared.runtime.batch import Outgoing
from shared.runtime.dead_letters import INSERT_OUTBOX
from shared.runtime.ledger import outbox_arguments
from shared.runtime.postgres import Connection, Pool

State = Literal["requested", "approved", "refused"]
READ = """
SELECT c.*, d.outcome, d.code,
       (SELECT json_agg(s ORDER BY s.step_id) FROM correction_step AS s
         WHERE s.program_id = c.program_id AND s.correction_id = c.correction_id) AS steps
  FROM correction AS c LEFT JOIN LATERAL (
       SELECT outcome, code FROM decision WHERE event_key = c.event_key OFFSET 0) AS d ON true
 WHERE c.program_id = $1 AND c.correction_id = $2
"""
WAITING = """
SELECT correction_id, member_id, points, may_leave_deficit, budget_id, reason, evidence, requested_by, requested_at
  FROM correction
 WHERE program_id = $1 AND state = 'requested' ORDER BY requested_at LIMIT 500
"""
LOCK = """
SELECT *, service_now() AS now FROM correction
 WHERE program_id = $1 AND correction_id = $2 FOR NO KEY UPDATE
"""
_INSERT = """
INSERT INTO correction (program_id, correction_id, member_id, points, budget_id, reason, evidence,
                        may_leave_deficit, requested_by, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, service_now())
ON CONFLICT DO NOTHING RETURNING requested_at
"""
_DECIDE = """
UPDATE correction
   SET state = $3, decided_by = $4, note = $5, decided_at = $6, event_id = $7, event_key = $8, debit_id = $9
 WHERE program_id = $1 AND correction_id = $2
"""
_STEP = """
INSERT INTO correction_step (program_id, correction_id, step, person, note, taken_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
IS_MEMBER = "SELECT EXISTS (SELECT FROM member WHERE program_id = $1 AND member_id = $2)"


async def read(pool: Pool, program_id: str, correction_id: str) -> asyncpg.Record | None:
    """The correction with its steps, and what earning decided once it was approved."""
    return await pool.fetchrow(READ, program_id, correction_id)


async def waiting(pool: Pool, program_id: str) -> list[dict[str, Any]]:
    """Those that nobody has decided yet, the oldest first, at most 500."""
    return [dict(row) for row in await pool.fetch(WAITING, program_id)]


async def is_member(pool: Pool, program_id: str, member_id: str) -> bool:
    return bool(await pool.fetchval(IS_MEMBER, program_id, member_id))


async def request(pool: Pool, values: tuple[object, ...], person: str, reason: str) -> bool:
    """Enter a request: program, correction, member, points, budget, reason, evidence, may leave a deficit.

    False where its id is taken.
    """
    async with pool.acquire() as connection, connection.transaction():
        requested_at = await connection.fetchval(_INSERT, *values, person)
        if requested_at is not None:
            await connection.execute(_STEP, values[0], values[1], "requested", person, reason, requested_at)
        return requested_at is not None


async def settle(
    connection: Connection, row: asyncpg.Record, state: State, person: str, note: str, told: Outgoing | None
) -> None:
    """Write the decision on a locked correction, its step and its event."""
    key, now = (row["program_id"], row["correction_id"]), row["now"]
    names: tuple[UUID | None, ...] = (None, None, None)
    if told is not None:
        told_id = str(told.event_id)
        names = (told.event_id, event_key(OWN_SOURCE, told_id), None if row["points"] > 0 else id_of_debit(told_id))
    await connection.execute(_DECIDE, *key, state, person, note, now, *names)
    await connection.execute(_STEP, *key, state, person, note, now)
    if told is not None:
        await connection.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments([told])))
