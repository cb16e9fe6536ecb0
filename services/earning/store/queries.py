"""What the API reads: a receipt for its explanation, an event's or receipt's story for a trace, budgets."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from shared.runtime.postgres import Pool

_RECEIPT = """
SELECT json_build_object(
           'receipt', r,
           'lines', (SELECT json_agg(l ORDER BY l.position) FROM receipt_line l WHERE l.receipt_key = r.receipt_key),
           'grants', (SELECT json_agg(g ORDER BY g.grant_id) FROM issued_grant g WHERE g.receipt_key = r.receipt_key),
           'decisions', (SELECT json_agg(d ORDER BY d.arrival) FROM decision d WHERE d.receipt_key = r.receipt_key))
  FROM receipt r WHERE r.receipt_key = $1
"""
_DROP = """
SELECT json_build_object(
           'drop', d,
           'grants', (SELECT json_agg(g ORDER BY g.grant_id) FROM issued_grant AS g WHERE g.drop_key = d.drop_key),
           'rejections', (SELECT json_agg(r ORDER BY r.event_time, r.event_key)
                            FROM drop_rejection AS r WHERE r.drop_key = d.drop_key),
           'decision', (SELECT to_json(e) FROM decision AS e WHERE e.event_key = d.event_key))
  FROM recycling_drop AS d WHERE d.drop_key = $1
"""
_REFERRAL = """
SELECT json_build_object(
           'referral', r,
           'reward', (SELECT to_json(w) FROM referral_reward AS w WHERE w.referral_key = r.referral_key),
           'grants', (SELECT json_agg(g ORDER BY g.grant_id) FROM issued_grant AS g
                       WHERE g.referral_key = r.referral_key),
           'order', (SELECT json_build_object('merchant_id', o.merchant_id, 'receipt_id', o.receipt_id,
                                              'rule_version', o.rule_version, 'outcome', o.outcome)
                       FROM receipt AS o WHERE o.receipt_key = r.receipt_key),
           'decisions', (SELECT json_agg(d ORDER BY d.arrival) FROM decision AS d
                          WHERE d.event_key = ANY(ARRAY[r.event_key] || ARRAY(
                                    SELECT unnest(ARRAY[w.event_key, w.reversal_key]) FROM referral_reward AS w
                                     WHERE w.referral_key = r.referral_key))))
  FROM referral AS r WHERE r.referral_key = $1
"""
# $1 = the id, $2 = the same as a UUID or null, $3 = what may be the event id in a story's source#id, $4 = receipts of
# that id. First the events it names, then their referrals, drops and receipts, then everything of these: by key at
# every step, save the way from a refund without receipt to its claw-backs. A referral belongs to the story of its first
# order. ARRAY keeps PostgreSQL from joining whole tables.
_TRACE = """
WITH named AS (
    SELECT event_key, receipt_key FROM decision
     WHERE event_id = $1::text OR (event_id = ANY($3::text[]) AND event_source || '#' || event_id = $1)
), pointed_at AS (
    SELECT grant_id, drop_key, referral_key FROM issued_grant WHERE grant_id = $2::uuid
    UNION SELECT grant_id, drop_key, referral_key FROM issued_grant
           WHERE event_key = ANY(ARRAY(SELECT event_key FROM named))
    UNION SELECT g.grant_id, g.drop_key, g.referral_key FROM claw_back c JOIN issued_grant g USING (grant_id)
           WHERE c.claw_back_id = $2
), linked AS (
    SELECT referral_key FROM pointed_at
    UNION SELECT referral_key FROM referral WHERE event_key = ANY(ARRAY(SELECT event_key FROM named))
), dropped AS (
    SELECT drop_key FROM pointed_at
    UNION SELECT drop_key FROM recycling_drop WHERE drop_id = $1
    UNION SELECT drop_key FROM drop_rejection WHERE event_key = ANY(ARRAY(SELECT event_key FROM named))
), reached AS (
    SELECT receipt_key FROM named WHERE receipt_key IS NOT NULL
    UNION SELECT unnest($4::uuid[])
    UNION SELECT receipt_key FROM issued_grant WHERE grant_id = $2::uuid
    UNION SELECT g.receipt_key FROM claw_back c JOIN issued_grant g USING (grant_id) WHERE c.claw_back_id = $2
    UNION SELECT receipt_key FROM issued_grant WHERE grant_id = ANY(ARRAY(
        SELECT grant_id FROM claw_back WHERE event_key = ANY(ARRAY(
            SELECT event_key FROM named WHERE receipt_key IS NULL))))
    UNION SELECT receipt_key FROM referral WHERE referral_key = ANY(ARRAY(SELECT referral_key FROM linked))
), referred AS (
    SELECT * FROM referral WHERE referral_key = ANY(ARRAY(SELECT referral_key FROM linked))
    UNION SELECT * FROM referral WHERE receipt_key = ANY(ARRAY(SELECT receipt_key FROM reached))
), rewarded AS (
    SELECT * FROM referral_reward WHERE referral_key = ANY(ARRAY(SELECT referral_key FROM referred))
), granted AS (
    SELECT grant_id FROM issued_grant WHERE receipt_key = ANY(ARRAY(SELECT receipt_key FROM reached))
    UNION SELECT grant_id FROM issued_grant WHERE drop_key = ANY(ARRAY(SELECT drop_key FROM dropped))
    UNION SELECT grant_id FROM issued_grant WHERE referral_key = ANY(ARRAY(SELECT referral_key FROM referred))
    UNION SELECT grant_id FROM pointed_at -- of an occasion: its event is its whole story
), given AS (
    SELECT * FROM issued_grant WHERE grant_id = ANY(ARRAY(SELECT grant_id FROM granted))
), taken AS (
    SELECT * FROM claw_back WHERE grant_id = ANY(ARRAY(SELECT grant_id FROM given))
), told AS (
    SELECT event_key FROM named
    UNION SELECT event_key FROM decision WHERE receipt_key = ANY(ARRAY(SELECT receipt_key FROM reached))
    UNION SELECT event_key FROM taken
    UNION SELECT event_key FROM recycling_drop WHERE drop_key = ANY(ARRAY(SELECT drop_key FROM dropped))
    UNION SELECT event_key FROM drop_rejection WHERE drop_key = ANY(ARRAY(SELECT drop_key FROM dropped))
    UNION SELECT event_key FROM referred
    UNION SELECT event_key FROM rewarded
    UNION SELECT reversal_key FROM rewarded
    UNION SELECT event_key FROM given WHERE occasion_key IS NOT NULL
)
SELECT json_build_object(
    'decisions', (SELECT json_agg(d ORDER BY d.arrival) FROM decision d
                   WHERE d.event_key = ANY(ARRAY(SELECT event_key FROM told))),
    'grants', (SELECT json_agg(g ORDER BY g.event_time) FROM given g),
    'claw_backs', (SELECT json_agg(c ORDER BY c.claw_back_id) FROM taken c),
    'referrals', (SELECT json_agg(r ORDER BY r.referral_key) FROM referred r),
    'waiting', (SELECT json_agg(w ORDER BY w.arrival) FROM (
                    SELECT event_key, event_type, program_id, member_id, arrival, deadline FROM waiting_event
                     WHERE position(convert_to(to_json($1)::text, 'UTF8') IN record_value) > 0
                        OR position(to_json($1)::text IN headers::text) > 0) AS w))
"""
_IS_STORY = """
SELECT EXISTS (SELECT FROM decision WHERE event_id = ANY($2::text[]) AND event_source || '#' || event_id = $1::text)
"""
_RECEIPT_KEYS = "SELECT receipt_key FROM receipt WHERE receipt_id = $1 LIMIT 20"
_RECEIPTS_OF_ID = """
SELECT merchant_id, receipt_id, member_id, outcome, code, event_time FROM receipt
 WHERE program_id = $1 AND receipt_id = $2 ORDER BY merchant_id LIMIT 20
"""
_BUDGETS = """
SELECT b.program_id, b.budget_id, b.approved_minor, b.remainder_minor,
       b.approved_minor - b.remainder_minor - coalesce(sum(s.reserved_minor), 0)::bigint AS unaccounted_minor,
       coalesce(sum(s.spent_minor), 0)::bigint AS spent_minor
  FROM budget b LEFT JOIN budget_slice s USING (program_id, budget_id)
 WHERE b.program_id = $1
 GROUP BY b.program_id, b.budget_id ORDER BY b.budget_id
"""
# What members did for their organisation from $3 to $4; a drop's grams are those that still count.
_ORGANISATION = """
WITH deed AS (
    SELECT member_id, 'activity' AS kind, occasion_key, NULL::uuid AS drop_key, 0 AS grams FROM occasion
     WHERE program_id = $1 AND organisation_id = $2 AND event_time >= $3 AND event_time < $4 AND kind = 'activity'
    UNION ALL
    SELECT member_id, 'drop', NULL, drop_key, weighed.grams FROM recycling_drop AS d,
           LATERAL (SELECT coalesce(sum((i.item ->> 'grams')::bigint - r.rejected::bigint), 0)::bigint AS grams
                      FROM json_array_elements(d.collected -> 'items') WITH ORDINALITY AS i (item, place)
                      JOIN json_array_elements_text(d.rejected) WITH ORDINALITY AS r (rejected, place) USING (place)
                     WHERE i.item ->> 'grams' IS NOT NULL) AS weighed
     WHERE program_id = $1 AND organisation_id = $2 AND event_time >= $3 AND event_time < $4 AND outcome = 'granted'
), earned AS (
    SELECT d.*, given.points
      FROM deed AS d,
           LATERAL (SELECT coalesce(sum(g.points - g.clawed_back), 0)::bigint AS points FROM issued_grant AS g
                     WHERE g.occasion_key = d.occasion_key OR g.drop_key = d.drop_key) AS given
)
SELECT count(*) AS actions, count(*) FILTER (WHERE kind = 'activity') AS activities,
       count(*) FILTER (WHERE kind = 'drop') AS drops, count(DISTINCT member_id) AS participants,
       coalesce(sum(grams), 0)::bigint AS grams, coalesce(sum(points), 0)::bigint AS points
  FROM earned
"""
_ORGANISATION_CAPS = """
SELECT per, starts, points FROM organisation_points WHERE program_id = $1 AND organisation_id = $2 ORDER BY starts, per
"""
_OUTCOMES = """
SELECT event_type, outcome, code, count(*) AS events FROM decision
 WHERE program_id = $1 GROUP BY event_type, outcome, code ORDER BY event_type, outcome, code
"""
_PROGRESS = """
SELECT (SELECT coalesce(sum(points), 0)::bigint FROM issued_grant WHERE program_id = $1) AS issued,
       (SELECT coalesce(sum(points), 0)::bigint FROM claw_back WHERE program_id = $1) AS clawed_back,
       (SELECT count(*) FROM open_claim WHERE program_id = $1 AND state = 'open') AS open_claims,
       (SELECT count(*) FROM waiting_event WHERE program_id = $1) AS waiting,
       (SELECT count(*) FROM outbox) AS outbox
"""
_OFFSETS = "SELECT * FROM partition_offset ORDER BY topic, partition"


async def receipt(pool: Pool, receipt_key: UUID) -> dict[str, Any] | None:
    """The receipt with its lines, grants and decisions, or None."""
    row = await pool.fetchval(_RECEIPT, receipt_key)
    return None if row is None else orjson.loads(row)


async def drop(pool: Pool, drop_key: UUID) -> dict[str, Any] | None:
    """The drop with its grants and rejections, or None."""
    row = await pool.fetchval(_DROP, drop_key)
    return None if row is None else orjson.loads(row)


async def referral(pool: Pool, referral_key: UUID) -> dict[str, Any] | None:
    """The referral with its order, both sides' grants and what was decided, or None."""
    row = await pool.fetchval(_REFERRAL, referral_key)
    return None if row is None else orjson.loads(row)


async def trace(pool: Pool, wanted: str) -> dict[str, list[dict[str, Any]]]:
    """Every decision, grant and claw-back of the stories that `wanted` belongs to, and the events still waiting."""
    event_ids = [wanted[place + 1 :] for place, char in enumerate(wanted) if char == "#"]
    is_story = await pool.fetchval(_IS_STORY, wanted, event_ids)
    # no index leads to a receipt by its bare id, so a story, which is no receipt's name, is spared the look
    receipts = [] if is_story else [row["receipt_key"] for row in await pool.fetch(_RECEIPT_KEYS, wanted)]
    found = orjson.loads(await pool.fetchval(_TRACE, wanted, _uuid(wanted), event_ids, receipts))
    return {name: rows or [] for name, rows in found.items()}


async def receipts_of_id(pool: Pool, program_id: str, receipt_id: str) -> list[dict[str, Any]]:
    """A receipt id is unique per merchant only: the receipts of a program that have it, at most 20."""
    return [dict(row) for row in await pool.fetch(_RECEIPTS_OF_ID, program_id, receipt_id)]


async def budgets(pool: Pool, program_id: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch(_BUDGETS, program_id)]


async def organisation(
    pool: Pool, program_id: str, organisation_id: str, begins: datetime, ends: datetime
) -> dict[str, Any]:
    """Actions, participants, grams and points (less what was clawed back) of deeds from `begins` to before `ends`."""
    row = await pool.fetchrow(_ORGANISATION, program_id, organisation_id, begins, ends)
    caps = await pool.fetch(_ORGANISATION_CAPS, program_id, organisation_id)
    return {**dict(row or {}), "used_of_caps": [dict(cap) for cap in caps]}


async def outcomes(pool: Pool, program_id: str) -> list[dict[str, Any]]:
    """How many events of each type ended how."""
    return [dict(row) for row in await pool.fetch(_OUTCOMES, program_id)]


async def progress(pool: Pool, program_id: str) -> dict[str, Any]:
    """Totals for a live display, and what became of every offset."""
    row = await pool.fetchrow(_PROGRESS, program_id)
    offsets = await pool.fetch(_OFFSETS)
    return {**dict(row or {}), "offsets": [dict(offset) for offset in offsets]}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
