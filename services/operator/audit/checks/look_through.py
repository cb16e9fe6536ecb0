"""Invariant 3: the chain from a redemption back to the sale, drop, referral or other occasion."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM redemption.audit_lot GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_redemption GROUP BY 1
"""
# Where a grant comes from; `other` is the member that a referral names beside its own.
DIFFERING = """
WITH origin AS (
    SELECT g.grant_id, r.program_id, r.member_id, r.merchant_id, r.receipt_id, NULL AS other
      FROM earning.audit_grant AS g JOIN earning.audit_receipt AS r USING (receipt_key)
    UNION ALL
    SELECT g.grant_id, r.program_id, r.member_id, NULL, NULL, NULL
      FROM earning.audit_grant AS g JOIN earning.audit_drop AS r USING (drop_key)
    UNION ALL
    SELECT g.grant_id, r.program_id, r.invitee_id, NULL, NULL, r.inviter_id
      FROM earning.audit_grant AS g JOIN earning.audit_referral AS r USING (referral_key, event_key)
    UNION ALL
    SELECT g.grant_id, r.program_id, r.inviter_id, NULL, NULL, r.invitee_id
      FROM earning.audit_grant AS g JOIN earning.audit_referral_reward AS r USING (referral_key, event_key)
    UNION ALL
    SELECT g.grant_id, o.program_id, o.member_id, NULL, NULL, NULL
      FROM earning.audit_grant AS g JOIN earning.audit_occasion AS o USING (occasion_key, event_key)
)
SELECT 'allocation reaches no lot of its member' AS wrong, r.program_id, r.member_id,
       'redemption ' || a.redemption_id || ', lot ' || a.lot_id AS subject,
       r.program_id || '/' || r.member_id AS expected, l.program_id || '/' || l.member_id AS found
  FROM redemption.audit_allocation AS a LEFT JOIN redemption.audit_redemption AS r USING (redemption_id)
       LEFT JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE l.lot_id IS NULL OR (l.program_id, l.member_id) IS DISTINCT FROM (r.program_id, r.member_id)
UNION ALL
SELECT 'lot does not reach its cause: ' || step, l.program_id, l.member_id, 'lot ' || l.lot_id, expected, found
  FROM redemption.audit_lot AS l
       LEFT JOIN earning.audit_grant AS g ON g.grant_id = l.grant_id
       LEFT JOIN earning.audit_decision AS d ON d.event_key = g.event_key
       LEFT JOIN origin AS r ON r.grant_id = g.grant_id,
       LATERAL (VALUES ('grant', l.program_id || '/' || l.member_id, g.program_id || '/' || g.member_id),
                       ('decision', l.program_id || '/' || l.causation_id,
                        d.program_id || '/' || d.event_source || '#' || d.event_id),
                       ('event', l.source_type || ' ' || l.source_id, d.event_type || ' ' || d.event_id),
                       ('receipt, drop, referral or occasion',
                        l.program_id || '/' || l.member_id || ' ' || concat_ws('/', l.merchant_id, l.receipt_id,
                                                                               l.other_member_id),
                        r.program_id || '/' || r.member_id || ' ' || concat_ws('/', r.merchant_id, r.receipt_id,
                                                                               r.other))
               ) AS steps (step, expected, found)
 WHERE (l.program_id, l.member_id, l.program_id, l.source_type, l.source_id, l.causation_id, l.program_id, l.member_id,
        l.merchant_id, l.receipt_id, l.other_member_id)
       IS DISTINCT FROM
       (g.program_id, g.member_id, d.program_id, d.event_type, d.event_id, d.event_source || '#' || d.event_id,
        r.program_id, r.member_id, r.merchant_id, r.receipt_id, r.other)
   AND expected IS DISTINCT FROM found
UNION ALL
SELECT 'a grant other than a referral names another member', program_id, member_id, 'lot ' || lot_id, NULL,
       other_member_id
  FROM redemption.audit_lot WHERE other_member_id IS NOT NULL AND source_type NOT LIKE 'greenpoints.referral.%'
UNION ALL
SELECT 'journal row of another member''s lot', j.program_id, j.member_id,
       'entry ' || j.entry_id || ', lot ' || j.lot_id, l.program_id || '/' || l.member_id || ' ' || l.grant_id,
       j.program_id || '/' || j.member_id || ' ' || j.grant_id
  FROM redemption.audit_journal AS j
       -- what a debit by correction was short of stands under the debit's own id
       LEFT JOIN (SELECT lot_id, program_id, member_id, grant_id FROM redemption.audit_lot
                  UNION ALL
                  SELECT debit_id, program_id, member_id, debit_id FROM redemption.audit_debit) AS l USING (lot_id)
 WHERE (j.program_id, j.member_id, j.grant_id) IS DISTINCT FROM (l.program_id, l.member_id, l.grant_id)
"""
CHECK = Check(
    3,
    "look-through",
    "every allocation reaches one lot, one grant, its decision and its receipt, drop, referral or occasion, in one "
    "program and one member",
    by_sql(LOOKED_AT, DIFFERING),
)
