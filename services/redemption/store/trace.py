"""What a trace reads: the lots of a story, every movement of theirs, what they paid for, who held or took them back."""

from typing import Any
from uuid import UUID

import orjson

from shared.runtime.postgres import Pool

# $1 is the id as text, $2 the same as a UUID or null. A lot has its grant's id. The journal of a story holds, besides
# its own lots' rows, what its claw-backs took from the member's other lots. Every step goes by key, save the look for a
# correlation id, which no index serves; ARRAY keeps PostgreSQL from joining whole tables.
_TRACE = """
WITH named AS (
    SELECT lot_id FROM lot WHERE lot_id = $2::uuid
    UNION SELECT grant_id FROM claw_back WHERE claw_back_id = $2
    UNION SELECT lot_id FROM allocation WHERE redemption_id = $2
    UNION SELECT s.lot_id FROM hold h JOIN hold_share s USING (program_id, member_id, hold_id) WHERE h.hold_id = $1
    UNION SELECT lot_id FROM lot WHERE $2 IS NULL AND correlation_id = $1::text
), own AS (
    SELECT * FROM lot WHERE lot_id = ANY(ARRAY(SELECT lot_id FROM named))
), taken AS (
    SELECT * FROM claw_back WHERE grant_id = ANY(ARRAY(SELECT lot_id FROM named))
), shared AS (
    SELECT * FROM allocation WHERE lot_id = ANY(ARRAY(SELECT lot_id FROM named))
       AND (redemption_id = $2 OR NOT EXISTS (SELECT FROM redemption WHERE redemption_id = $2))
), binding AS (
    SELECT h.* FROM hold h JOIN (
        SELECT program_id, member_id, hold_id FROM hold_share WHERE lot_id = ANY(ARRAY(SELECT lot_id FROM named))
        UNION SELECT program_id, member_id, hold_id FROM hold WHERE hold_id = $1) AS k
        USING (program_id, member_id, hold_id)
), moved AS (
    SELECT j.* FROM (SELECT DISTINCT program_id, member_id FROM own) AS m,
           LATERAL (SELECT * FROM journal j WHERE j.program_id = m.program_id AND j.member_id = m.member_id
                       AND (j.lot_id = ANY(ARRAY(SELECT lot_id FROM named))
                            OR j.cause_id = ANY(ARRAY(SELECT claw_back_id::text FROM taken)))) AS j
)
SELECT json_build_object(
    'lots', (SELECT json_agg(x ORDER BY x.granted_at, x.lot_id) FROM (
        SELECT l.*, lot_state(l, service_now()) AS state FROM lot l
         WHERE lot_id = ANY(ARRAY(SELECT lot_id FROM named))) AS x),
    'journal', (SELECT json_agg(x ORDER BY x.entry_id) FROM (
        SELECT entry_id, program_id, member_id, lot_id, from_account, to_account, points, cause_type, cause_id,
               business_time, posted_at
          FROM moved) AS x),
    'redemptions', (SELECT json_agg(x ORDER BY x.requested_at) FROM (
        SELECT redemption_id, program_id, member_id, points, reason, idempotency_key, requested_at, available_before
          FROM redemption WHERE redemption_id = ANY(ARRAY(SELECT redemption_id FROM shared))) AS x),
    'allocations', (SELECT json_agg(x ORDER BY x.redemption_id, x.lot_id) FROM shared AS x),
    'holds', (SELECT json_agg(x ORDER BY x.placed_at, x.hold_id) FROM binding AS x),
    'claw_backs', (SELECT json_agg(x ORDER BY x.clawed_at, x.claw_back_id) FROM taken AS x))
"""


async def read_trace(pool: Pool, wanted: str) -> dict[str, list[dict[str, Any]]]:
    """Everything about a lot (its id is its grant's), claw-back, redemption, hold or story (correlation id).

    As JSON rows by kind; `correlations` are the stories of the lots found, so that earning can be asked for each.
    """
    found = orjson.loads(await pool.fetchval(_TRACE, wanted, _uuid(wanted)))
    rows: dict[str, list[dict[str, Any]]] = {name: part or [] for name, part in found.items()}
    stories = sorted({lot["correlation_id"] for lot in rows["lots"]})
    return {**rows, "correlations": [{"correlation_id": story} for story in stories]}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
