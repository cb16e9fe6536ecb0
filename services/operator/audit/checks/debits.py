"""Invariant 7: every debit that earning decided reached redemption's books, whole or refused, and no other did."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

TOPIC = "points.grants.v1"
LOOKED_AT = """
SELECT program_id, count(*) FROM earning.audit_correction WHERE points < 0 GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_debit GROUP BY 1
"""
DIFFERING = """
WITH decided AS (
    SELECT c.* FROM earning.audit_correction AS c JOIN earning.audit_decision AS d USING (event_key)
     WHERE d.outcome = 'debited'
), posted AS (
    SELECT cause_id, sum(points) FILTER (WHERE from_account = 'available' AND to_account = 'forfeited') AS taken,
           sum(points) FILTER (WHERE from_account = 'deficit' AND to_account = 'forfeited') AS short
      FROM redemption.audit_journal WHERE cause_type = 'greenpoints.points.corrected.v1' GROUP BY 1
)
SELECT 'debit differs from what was decided: ' || part AS wrong, r.program_id, r.member_id,
       'debit ' || r.debit_id AS subject, in_earning AS expected, in_redemption AS found
  FROM redemption.audit_debit AS r LEFT JOIN decided AS c USING (debit_id),
       LATERAL (VALUES ('points', (-c.points)::text, r.asked::text), ('program', c.program_id, r.program_id),
                       ('member', c.member_id, r.member_id),
                       ('deficit allowed', CASE WHEN r.short = 0 OR c.may_leave_deficit THEN '' ELSE 'no' END, '')
               ) AS parts (part, in_earning, in_redemption)
 WHERE in_earning IS DISTINCT FROM in_redemption
UNION ALL
SELECT 'debit and journal differ: ' || part, r.program_id, r.member_id, 'debit ' || r.debit_id, in_journal::text,
       told::text
  FROM redemption.audit_debit AS r LEFT JOIN posted AS p ON p.cause_id = r.debit_id::text,
       LATERAL (VALUES ('taken', coalesce(p.taken, 0), r.taken), ('short', coalesce(p.short, 0), r.short)
               ) AS parts (part, in_journal, told)
 WHERE in_journal <> told
"""
# `found` is the id of the event that redemption has to read.
NOWHERE = """
SELECT 'debit decided by earning and nowhere else' AS wrong, c.program_id, c.member_id,
       'correction ' || c.correction_id AS subject, c.points::text AS expected, c.debit_id::text AS found
  FROM earning.audit_correction AS c JOIN earning.audit_decision AS d USING (event_key)
 WHERE d.outcome = 'debited'
   AND NOT EXISTS (SELECT FROM redemption.audit_debit AS r WHERE r.debit_id = c.debit_id)
   AND NOT EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id = c.debit_id)
   AND NOT EXISTS (SELECT FROM redemption.audit_dead_letter_event AS e
                    WHERE e.event_id = c.debit_id
                      AND (e.state <> 'replayed'
                           OR EXISTS (SELECT FROM redemption.audit_outbox AS o WHERE o.event_id = e.dead_letter_id)))
"""


async def look(evidence: Evidence) -> Found:
    """What the books do not explain must be among the records that redemption has still to read."""
    total, rows = await evidence.differences(DIFFERING)
    gone = await lost(evidence, NOWHERE, TOPIC, "redemption")
    return Found(await evidence.count(LOOKED_AT), total + len(gone), [*rows, *gone][:ROWS_SHOWN])


CHECK = Check(
    7,
    "debits handed over",
    "every debit that earning decided is in redemption's books, whole or refused, or on its way, and no other is",
    look,
)
