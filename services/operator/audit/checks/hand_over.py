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
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_voucher_request GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM earning.audit_tender_refund GROUP BY 1
"""
WITHOUT_CAUSE = """
SELECT 'lot without a grant in earning' AS wrong, l.program_id, l.member_id, 'lot ' || l.lot_id AS subject,
       NULL AS expected, l.points::text AS found
  FROM redemption.audit_lot AS l
 WHERE NOT EXISTS (SELECT FROM earning.audit_grant AS g WHERE g.grant_id = l.grant_id)
UNION ALL
SELECT 'claw-back without one in earning', r.program_id, r.member_id, 'claw-back ' || r.claw_back_id, NULL,
       r.points::text
  FROM redemption.audit_claw_back AS r
 WHERE NOT EXISTS (SELECT FROM earning.audit_claw_back AS c WHERE c.claw_back_id = r.claw_back_id)
UNION ALL
SELECT 'voucher request other than in earning', v.program_id, v.member_id, 'request ' || v.request_id,
       concat_ws(', ', f.voucher_id, f.voucher_budget_id, f.voucher_cost_minor, f.voucher_recall_id),
       concat_ws(', ', v.offer_id, v.budget_id, v.cost_minor, v.recall_id)
  FROM redemption.audit_voucher_request AS v
       LEFT JOIN earning.audit_referral AS f ON f.voucher_request_id = v.request_id
 WHERE (v.program_id, v.member_id, v.offer_id, v.budget_id, v.cost_minor)
       IS DISTINCT FROM (f.program_id, f.invitee_id, f.voucher_id, f.voucher_budget_id, f.voucher_cost_minor)
    OR v.recall_id <> coalesce(f.voucher_recall_id::text, '')
UNION ALL
SELECT 'tender refund other than in earning', r.program_id, r.member_id, 'tender refund ' || r.tender_refund_id,
       concat_ws(', ', e.authorization_id, e.refund_id, e.amount_minor),
       concat_ws(', ', r.authorization_id, r.refund_id, r.amount_minor)
  FROM redemption.audit_tender_refund AS r LEFT JOIN earning.audit_tender_refund AS e USING (tender_refund_id)
 WHERE (r.program_id, r.member_id, r.authorization_id::text, r.refund_id, r.amount_minor)
       IS DISTINCT FROM (e.program_id, e.member_id, lower(e.authorization_id), e.refund_id, e.amount_minor)
UNION ALL
SELECT 'points given back of a receipt are not those told', r.program_id, r.member_id, 'receipt ' || r.receipt_key,
       least(r.returned_minor, r.paid_minor)::text, coalesce(t.told_minor, 0)::text
  FROM (SELECT receipt_key, program_id, member_id, max(returned_points_minor) AS returned_minor,
               sum(amount_minor) AS paid_minor
          FROM earning.audit_points_tender
         WHERE authorization_id IS NOT NULL AND member_id IS NOT NULL GROUP BY 1, 2, 3) AS r
       LEFT JOIN (SELECT receipt_key, sum(told_minor) AS told_minor
                    FROM (SELECT receipt_key, authorization_id, max(amount_minor) AS told_minor
                            FROM earning.audit_tender_refund GROUP BY 1, 2) AS each GROUP BY 1) AS t USING (receipt_key)
 WHERE least(r.returned_minor, r.paid_minor) <> coalesce(t.told_minor, 0)
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
        UNION ALL
        SELECT program_id, member_id, 'tender refund ' || tender_refund_id, amount_minor, tender_refund_id
          FROM earning.audit_tender_refund AS e
         WHERE NOT EXISTS (SELECT FROM redemption.audit_tender_refund AS r
                            WHERE r.tender_refund_id = e.tender_refund_id)
        UNION ALL
        SELECT program_id, invitee_id, 'voucher request ' || voucher_request_id, NULL, voucher_request_id
          FROM earning.audit_referral AS f
         WHERE voucher_request_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM redemption.audit_voucher_request AS v WHERE v.request_id = f.voucher_request_id)
        UNION ALL
        SELECT program_id, invitee_id, 'recall of voucher request ' || voucher_request_id, NULL, voucher_recall_id
          FROM earning.audit_referral AS f
         WHERE voucher_recall_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM redemption.audit_voucher_request AS v
                            WHERE v.request_id = f.voucher_request_id AND v.recall_id IS NOT NULL)
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
    "every grant, claw-back, voucher request and tender refund of earning is in its outbox, in Kafka still to be read, "
    "or in redemption's books",
    look,
)
