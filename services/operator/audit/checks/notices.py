"""Invariant 2: each event is told once, by one notice, with one message per channel."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT n.program_id, count(*) FROM notification.audit_notice_cause JOIN notification.audit_notice AS n USING (notice_id)
 GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM notification.audit_message GROUP BY 1
"""
DIFFERING = """
WITH told AS (
    SELECT notice_id, count(*) AS causes, sum(points)::bigint AS points FROM notification.audit_notice_cause GROUP BY 1
), sent AS (
    SELECT notice_id, count(*) AS messages, count(DISTINCT channel) AS channels
      FROM notification.audit_message GROUP BY 1
)
SELECT 'notice and its causes differ' AS wrong, n.program_id, n.member_id,
       'notice ' || coalesce(n.notice_id, t.notice_id) AS subject,
       coalesce(t.causes, 0) || ' causes' AS expected, n.causes || ' causes' AS found
  FROM notification.audit_notice AS n FULL JOIN told AS t USING (notice_id)
 WHERE n.causes IS DISTINCT FROM t.causes
UNION ALL
SELECT 'an event was told that did not come', n.program_id, n.member_id, 'event ' || c.event_key, NULL,
       'notice ' || c.notice_id
  FROM notification.audit_notice_cause AS c LEFT JOIN notification.audit_notice AS n USING (notice_id)
 WHERE NOT EXISTS (SELECT FROM notification.audit_inbox AS i WHERE i.event_key = c.event_key)
UNION ALL
SELECT 'messages of a notice are not one per channel', n.program_id, n.member_id, 'notice ' || n.notice_id,
       CASE n.state WHEN 'closed' THEN '2 of 2 channels' ELSE '0 of 0 channels' END,
       coalesce(s.messages, 0) || ' of ' || coalesce(s.channels, 0) || ' channels'
  FROM notification.audit_notice AS n LEFT JOIN sent AS s USING (notice_id)
 WHERE (coalesce(s.messages, 0), coalesce(s.channels, 0))
       <> (CASE n.state WHEN 'closed' THEN 2 ELSE 0 END, CASE n.state WHEN 'closed' THEN 2 ELSE 0 END)
UNION ALL
SELECT 'message without its notice', m.program_id, m.member_id, 'message ' || m.message_id, 'notice ' || m.notice_id,
       n.program_id || '/' || n.member_id
  FROM notification.audit_message AS m LEFT JOIN notification.audit_notice AS n USING (notice_id)
 WHERE (m.program_id, m.member_id) IS DISTINCT FROM (n.program_id, n.member_id)
UNION ALL
SELECT 'two messages of one cause and channel', min(program_id), min(member_id),
       'messages ' || string_agg(message_id::text, ', ' ORDER BY message_id), '1', count(*)::text
  FROM notification.audit_message GROUP BY cause_key, channel HAVING count(*) > 1
UNION ALL
SELECT 'told more or less often than settled', NULL, NULL, 'notifications.deliveries.v1', settled::text, sent::text
  FROM (SELECT count(event_id) AS settled FROM notification.audit_message) AS m,
       (SELECT (SELECT count(*) FROM notification.audit_outbox WHERE topic = 'notifications.deliveries.v1')
             + (SELECT coalesce(sum(published), 0) FROM notification.audit_relay
                 WHERE topic = 'notifications.deliveries.v1') AS sent) AS o
 WHERE settled <> sent
"""
CHECK = Check(
    2,
    "notices",
    "every event is told by one notice, every notice by one message per channel, every message's outcome once",
    by_sql(LOOKED_AT, DIFFERING),
    needs=("notification",),
)
