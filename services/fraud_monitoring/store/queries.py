"""What the API and the sweeper ask."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.runtime.postgres import Pool

CASE_COLUMNS = """case_id, rule, program_id, subject_key, member_id, window_start, window_end, value, threshold,
    correlation_id, opened_at, deadline, state, decided_by, note, decided_at, escalated_at"""
# The queue: least time left first, paged by (deadline, id).
CASES = f"""
    SELECT {CASE_COLUMNS} FROM fraud_case
     WHERE state = $1 AND (deadline, case_id) > ($2::timestamptz, $3::uuid)
       AND ($4::text IS NULL OR rule = $4)
       AND ($5::text IS NULL OR member_id = $5
            OR EXISTS (SELECT FROM hold WHERE hold.case_id = fraud_case.case_id AND hold.member_id = $5))
     ORDER BY deadline, case_id LIMIT $6
"""  # noqa: S608 - the columns are ours
CASE = f"SELECT {CASE_COLUMNS} FROM fraud_case WHERE case_id = $1"  # noqa: S608
CASE_PLACE = "SELECT deadline FROM fraud_case WHERE case_id = $1"
HOLD_COLUMNS = """hold_id, case_id, signal_id, program_id, member_id, scope, grant_ids, points, reason, deadline,
    causation_id, correlation_id, placed_at, held_points, state, decided_by, note, decided_at, confirmed_points"""
HOLDS = f"SELECT {HOLD_COLUMNS} FROM hold WHERE case_id = $1 ORDER BY hold_id"  # noqa: S608
SIGNAL_COLUMNS = """signal_id, case_id, rule, program_id, member_id, subject_key, window_start, window_end, value,
    threshold, event_keys, causation_id, correlation_id, raised_at"""
SIGNALS = f"SELECT {SIGNAL_COLUMNS} FROM signal WHERE case_id = $1 ORDER BY raised_at, signal_id"  # noqa: S608
DECISIONS = """
    SELECT decision_id, case_id, verdict, hold_ids, points, person, note, decided_at
      FROM decision WHERE case_id = $1 ORDER BY decision_id
"""
# Who was right how often: the last decision of each case is its label.
PRECISION = """
    SELECT rule, count(*) AS cases, count(*) FILTER (WHERE state = 'confirmed') AS confirmed,
           count(*) FILTER (WHERE state = 'released') AS released,
           count(*) FILTER (WHERE state IN ('open', 'escalated')) AS waiting
      FROM fraud_case GROUP BY rule ORDER BY rule
"""
ESCALATE = """
    UPDATE fraud_case SET state = 'escalated', escalated_at = service_now()
     WHERE state = 'open' AND deadline <= service_now()
    RETURNING rule
"""
OPEN_CASES = """
    SELECT s.state, (SELECT count(*) FROM fraud_case c WHERE c.state = s.state) AS cases
      FROM (VALUES ('open'), ('escalated')) AS s (state)
"""
# A story's cases: by an event of it, or by the id of a case, signal, hold or outgoing event.
TRACED_CASES = """
    SELECT case_id FROM fraud_case WHERE correlation_id = $1
    UNION SELECT case_id FROM fraud_case WHERE case_id = $2
    UNION SELECT case_id FROM signal WHERE signal_id = $2
    UNION SELECT case_id FROM hold WHERE hold_id = $2
    UNION SELECT case_id FROM hold WHERE placed_event_id = $2
    UNION SELECT case_id FROM hold WHERE decided_event_id = $2
    UNION SELECT case_id FROM hold WHERE correlation_id = $1
    UNION SELECT case_id FROM hold WHERE causation_id = $1
    LIMIT 100
"""
_BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


async def list_cases(
    pool: Pool, state: str, *, rule: str | None, member: str | None, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Cases in one state after the case `after`; an unknown one starts at the beginning."""
    deadline = None if after is None else await pool.fetchval(CASE_PLACE, after)
    place = _BEFORE_ALL if deadline is None else (deadline, after)
    return await pool.fetch(CASES, state, *place, rule, member, limit)


async def read_case(pool: Pool, case_id: UUID) -> Mapping[str, Any] | None:
    """A case with its signals, holds and decisions, from one snapshot."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(CASE, case_id)
        if row is None:
            return None
        return {
            **dict(row),
            "signals": [dict(found) for found in await connection.fetch(SIGNALS, case_id)],
            "holds": [dict(found) for found in await connection.fetch(HOLDS, case_id)],
            "decisions": [dict(found) for found in await connection.fetch(DECISIONS, case_id)],
        }


async def read_trace(pool: Pool, wanted: str) -> dict[str, list[dict[str, Any]]]:
    """The cases a story led to, with their signals and holds; empty lists where there is nothing."""
    as_id = _uuid(wanted)
    cases = [await read_case(pool, row["case_id"]) for row in await pool.fetch(TRACED_CASES, wanted, as_id)]
    known = [case for case in cases if case is not None]
    return {
        "signals": [signal for case in known for signal in case["signals"]],
        "cases": [
            {name: case[name] for name in case if name not in ("signals", "holds", "decisions")} for case in known
        ],
        "holds": [hold for case in known for hold in case["holds"]],
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
