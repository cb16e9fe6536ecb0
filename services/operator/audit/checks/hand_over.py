"""Invariant 7: earning → redemption, from both sides, with what is on its way found in Kafka."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

TOPIC = "points.grants.v1"
LOOKED_AT = """
SELECT program_id, count(*) FROM earning.audit_grant GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM earning.audit_claw_back GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_lot GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_claw_back GROUP BY 1
"""
WITHOUT_CAUSE = """
SELECT 'lot without a grant in earning' AS wrong, l.program_id, l.member_id, 'lot ' || l.lot_id AS subject,
       NULL AS expected, l.points::text AS found
  FROM redemption.audit_lot AS l
 WHERE NOT EXISTS (SELECT FROM earning.audit_grant AS g WHERE g.grant_id = l.lot_id)
UNION ALL
SELECT 'claw-back without one in earning', r.program_id, r.member_id, 'claw-back ' || r.claw_back_id, NULL,
       r.points::text
  FROM redemption.audit_claw_back AS r
 WHERE NOT EXISTS (SELECT FROM earning.audit_claw_back AS c WHERE c.claw_back_id = r.claw_back_id)
"""
# Posted, and neither in the outbox nor in redemption's books: only Kafka can still hold it. `found` is the event's id.
NOT_IN_ANY_BOOKS = """
SELECT 'posted by earning and nowhere else' AS wrong, told.program_id, told.member_id, told.subject,
       told.points::text AS expected, told.event_id::text AS found
  FROM (SELECT program_id, member_id, 'grant ' || grant_id AS subject, points, grant_id AS event_id
          FROM earning.audit_grant AS g
         WHERE NOT EXISTS (SELECT FROM redemption.audit_lot AS l WHERE l.lot_id = g.grant_id)
        UNION ALL
        SELECT program_id, member_id, 'claw-back ' || claw_back_id, points, claw_back_id
          FROM earning.audit_claw_back AS c
         WHERE NOT EXISTS (SELECT FROM redemption.audit_claw_back AS r WHERE r.claw_back_id = c.claw_back_id)
       ) AS told
 WHERE NOT EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id = told.event_id)
   AND NOT EXISTS (SELECT FROM redemption.audit_dead_letter_event AS d
                    WHERE d.event_id = told.event_id
                      AND (d.state <> 'replayed'
                           OR EXISTS (SELECT FROM redemption.audit_outbox AS o WHERE o.event_id = d.dead_letter_id)))
"""


async def look(evidence: Evidence) -> Found:
    """What the books do not explain must be among the records that redemption has still to read."""
    total, rows = await evidence.differences(WITHOUT_CAUSE)
    gone = await lost(evidence, NOT_IN_ANY_BOOKS, TOPIC, "redemption")
    return Found(await evidence.count(LOOKED_AT), total + len(gone), [*rows, *gone][:ROWS_SHOWN])


CHECK = Check(
    7,
    "hand-over",
    "every grant and claw-back of earning is in its outbox, in Kafka still to be read, or in redemption's books",
    look,
)
