"""C20: no point expired before its owner was told, in time, by a message that was given."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_lot WHERE expires_at IS NOT NULL GROUP BY 1"
# A lot's date may have moved since; the notices name the date that they were given for.
DIFFERING = """
WITH gone AS (
    SELECT j.entry_id, j.program_id, j.member_id, j.lot_id, j.business_time, l.granted_at
      FROM redemption.audit_journal AS j JOIN redemption.audit_lot AS l USING (lot_id)
     WHERE j.to_account = 'expired'
), warned AS (
    SELECT g.entry_id, n.expires_at, bool_or(n.days = 7) AS of_7, bool_and(n.recorded_at IS NOT NULL) AS all_given,
           max(n.recorded_at) + least(interval '7 days', n.expires_at - g.granted_at) AS no_sooner
      FROM gone AS g JOIN redemption.audit_expiry_notice_lot AS k USING (lot_id)
           JOIN redemption.audit_expiry_notice AS n USING (notice_id)
     WHERE n.expires_at <= g.business_time
     GROUP BY g.entry_id, n.expires_at, g.granted_at
)
SELECT 'points expired without their notices' AS wrong, g.program_id, g.member_id,
       'lot ' || g.lot_id || ' at ' || g.business_time AS subject, 'told 7 days before' AS expected, NULL AS found
  FROM gone AS g
 WHERE NOT EXISTS (SELECT FROM warned AS w WHERE w.entry_id = g.entry_id AND w.of_7 AND w.all_given
                       AND w.no_sooner <= g.business_time)
UNION ALL
SELECT 'a lot may expire, but a notice of its date was not given', l.program_id, l.member_id, 'lot ' || l.lot_id,
       'given', 'notice ' || n.notice_id || ' was not'
  FROM redemption.audit_lot AS l
       JOIN redemption.audit_expiry_notice_lot AS k USING (lot_id, expires_at)
       JOIN redemption.audit_expiry_notice AS n USING (notice_id)
 WHERE l.last_notice_at IS NOT NULL AND n.recorded_at IS NULL
UNION ALL
SELECT 'a notice is another member''s than its lot', l.program_id, l.member_id, 'lot ' || l.lot_id,
       l.program_id || '/' || l.member_id, n.program_id || '/' || n.member_id
  FROM redemption.audit_expiry_notice_lot AS k JOIN redemption.audit_expiry_notice AS n USING (notice_id)
       JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE (n.program_id, n.member_id) <> (l.program_id, l.member_id)
UNION ALL
SELECT 'a notice counts as given by a message that was not sent', n.program_id, n.member_id, 'notice ' || n.notice_id,
       'message ' || n.message_id || ' sent', m.state
  FROM redemption.audit_expiry_notice AS n LEFT JOIN notification.audit_message AS m USING (message_id)
 WHERE n.message_id IS NOT NULL AND m.state IS DISTINCT FROM 'sent'
"""
CHECK = Check(
    2,
    "expiry notices",
    "what expired had its notices, given by messages that were sent, and 7 days or its life passed after the last",
    by_sql(LOOKED_AT, DIFFERING),
    needs=("notification",),
)
