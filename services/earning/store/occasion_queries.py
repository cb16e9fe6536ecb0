"""What the API reads of sign-ups, birthdays, activities and corrections, and of such events that were declined."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from shared.events.activity_completed import ActivityCompleted
from shared.events.birthday_reached import BirthdayReached
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.runtime.postgres import Pool

EVENT_TYPES: Final = tuple(
    model.TYPE for model in (MemberRegistered, MemberUpdated, BirthdayReached, ActivityCompleted)
)
DECISIONS = """
SELECT to_json(d) FROM decision AS d
 WHERE d.event_id = ANY($2::text[]) AND d.program_id = $1 AND d.event_type = ANY($3::text[])
 ORDER BY d.arrival LIMIT 20
"""
OCCASIONS = """
SELECT json_build_object(
           'occasion', o,
           'grants', (SELECT json_agg(g ORDER BY g.grant_id) FROM issued_grant AS g
                       WHERE g.occasion_key = o.occasion_key),
           'decision', (SELECT to_json(d) FROM decision AS d WHERE d.event_key = o.event_key))
  FROM unnest($1::uuid[]) AS k (occasion_key),
       LATERAL (SELECT * FROM occasion WHERE occasion_key = k.occasion_key OFFSET 0) AS o
 ORDER BY o.event_time
"""
CORRECTION = """
SELECT json_build_object(
           'correction', c,
           'steps', (SELECT json_agg(s ORDER BY s.step_id) FROM correction_step AS s
                      WHERE s.program_id = c.program_id AND s.correction_id = c.correction_id),
           'decision', (SELECT to_json(d) FROM decision AS d WHERE d.event_key = c.event_key))
  FROM correction AS c WHERE c.program_id = $1 AND c.correction_id = $2
"""


async def decisions_of(pool: Pool, program_id: str, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What became of these events, if they are of a kind that is no receipt, drop or referral."""
    rows = await pool.fetch(DECISIONS, program_id, event_ids, EVENT_TYPES)
    return [orjson.loads(row[0]) for row in rows]


async def occasions(pool: Pool, keys: Sequence[UUID]) -> list[dict[str, Any]]:
    """Those of these occasions that are in the books, each with its grants and the decision that it was given by."""
    return [orjson.loads(row[0]) for row in await pool.fetch(OCCASIONS, keys)]


async def correction(pool: Pool, program_id: str, correction_id: str) -> dict[str, Any] | None:
    row = await pool.fetchval(CORRECTION, program_id, correction_id)
    return None if row is None else orjson.loads(row)
