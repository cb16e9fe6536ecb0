"""Invariant 7: what two operators agreed on reaches earning's books by `earning.effects.v1`, and nothing else does."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

TOPIC = "earning.effects.v1"
LOOKED_AT = "SELECT program_id, count(*) FROM earning.audit_correction GROUP BY 1"
WITHOUT_CAUSE = """
SELECT 'corrected, but not as two persons agreed' AS wrong, g.program_id, g.member_id,
       'grant ' || g.grant_id AS subject,
       coalesce(c.points || ' of ' || c.budget_id, 'an approved correction') AS expected,
       g.points || ' of ' || g.budget_id AS found
  FROM earning.audit_occasion AS o JOIN earning.audit_grant AS g USING (occasion_key)
       LEFT JOIN earning.audit_correction AS c ON c.event_key = o.event_key AND c.state = 'approved'
                                                  AND c.decided_by <> c.requested_by
 WHERE o.kind = 'correction'
   AND (c.program_id, c.member_id, c.points, c.budget_id)
       IS DISTINCT FROM (g.program_id, g.member_id, g.points, g.budget_id)
UNION ALL
SELECT 'correction and its steps differ', c.program_id, c.member_id, 'correction ' || c.correction_id,
       concat_ws(', ', 'requested by ' || c.requested_by, c.state || ' by ' || c.decided_by), s.steps
  FROM earning.audit_correction AS c,
       LATERAL (SELECT string_agg(step || ' by ' || person, ', ' ORDER BY step_id) AS steps
                  FROM earning.audit_correction_step AS t
                 WHERE (t.program_id, t.correction_id) = (c.program_id, c.correction_id)) AS s
 WHERE s.steps IS DISTINCT FROM concat_ws(', ', 'requested by ' || c.requested_by, c.state || ' by ' || c.decided_by)
"""
# Neither in the outbox, nor applied, waiting or dead-lettered. `found` is the event's id.
NOT_IN_ANY_BOOKS = """
SELECT 'approved and nowhere else' AS wrong, c.program_id, c.member_id, 'correction ' || c.correction_id AS subject,
       c.points::text AS expected, c.event_id::text AS found
  FROM earning.audit_correction AS c
 WHERE c.state = 'approved'
   AND NOT EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id IN (c.event_id, c.event_key))
   AND NOT EXISTS (SELECT FROM earning.audit_inbox AS i WHERE i.event_key = c.event_key)
   AND NOT EXISTS (SELECT FROM earning.audit_waiting AS w WHERE w.event_key = c.event_key)
   AND NOT EXISTS (SELECT FROM earning.audit_dead_letter_key AS d
                    WHERE d.event_id = c.event_id AND d.topic = 'earning.effects.v1'
                      AND (d.state <> 'replayed' OR EXISTS (
                          SELECT FROM earning.audit_outbox AS o WHERE o.event_id = d.dead_letter_id)))
"""


async def look(evidence: Evidence) -> Found:
    """What the books do not explain must be among the records that earning has still to read."""
    total, rows = await evidence.differences(WITHOUT_CAUSE)
    gone = await lost(evidence, NOT_IN_ANY_BOOKS, TOPIC, "earning")
    return Found(await evidence.count(LOOKED_AT), total + len(gone), [*rows, *gone][:ROWS_SHOWN])


CHECK = Check(
    7,
    "corrections handed over",
    "every correction that two persons agreed on reached earning's books or is on its way, and no other credit did",
    look,
)
