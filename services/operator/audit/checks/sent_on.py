"""Invariant 7: what is handed on by another topic: dead letters' copies, forwards, and events that wait."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.verdict import Found

LOOKED_AT = "SELECT NULL::text, sum(forwarded + dead_lettered) FROM {schema}.audit_offset"
# A row leaves the outbox and is counted as published in one statement, so the two always sum to the rows ever written.
DEAD_LETTERS = """
SELECT 'dead letters are not what went to their topic' AS wrong, NULL AS program_id, NULL AS member_id,
       '{schema}: ' || coalesce(s.topic, l.topic) AS subject, coalesce(l.letters, 0)::text AS expected,
       coalesce(s.events, 0)::text AS found
  FROM (SELECT topic || '.{schema}.dlq' AS topic, count(*) AS letters FROM {schema}.audit_dead_letter GROUP BY 1) AS l
       FULL JOIN (SELECT topic, sum(events) AS events
                    FROM (SELECT topic, count(*) AS events FROM {schema}.audit_outbox GROUP BY 1
                          UNION ALL SELECT topic, published FROM {schema}.audit_relay) AS written
                   WHERE topic LIKE '%.{schema}.dlq' GROUP BY 1) AS s USING (topic)
 WHERE l.letters IS DISTINCT FROM s.events
"""
# At least as many: a replayed letter of this topic goes there again. What referrals, birthdays, ends of tiers
# and corrections told is no forward.
FORWARDS = """
SELECT 'forwarded or waiting events are missing' AS wrong, NULL AS program_id, NULL AS member_id,
       'earning: earning.effects.v1' AS subject, 'at least ' || forwarded AS expected, kept::text AS found
  FROM (SELECT sum(forwarded) AS forwarded FROM earning.audit_offset) AS f,
       (SELECT (SELECT count(*) FROM earning.audit_waiting)
             + (SELECT count(*) FROM earning.audit_outbox WHERE topic = 'earning.effects.v1')
             + (SELECT coalesce(sum(published), 0) FROM earning.audit_relay WHERE topic = 'earning.effects.v1')
             - (SELECT count(*) FROM earning.audit_dead_letter
                 WHERE topic = 'earning.effects.v1' AND state = 'replayed')
             - (SELECT count(qualified_id) + count(reversed_id) FROM earning.audit_referral)
             - (SELECT coalesce(sum(told), 0) FROM earning.audit_birthday_timer)
             - (SELECT coalesce(sum(told), 0) FROM earning.audit_member_tier)
             - (SELECT count(*) FROM earning.audit_correction WHERE state = 'approved') AS kept) AS k
 WHERE forwarded > kept
"""
# Such a member's later events would take the long way for ever.
STILL_WAITING = """
SELECT 'event is decided and waits all the same' AS wrong, program_id, member_id,
       'earning: ' || event_type || ' ' || event_key AS subject, 'decided or waiting' AS expected, 'both' AS found
  FROM (SELECT event_key, program_id, member_id, event_type FROM earning.audit_waiting
        UNION ALL SELECT event_key, program_id, member_id, event_type FROM earning.audit_sent_on) AS w
 WHERE EXISTS (SELECT FROM earning.audit_inbox AS i WHERE i.event_key = w.event_key)
"""


async def look(evidence: Evidence) -> Found:
    """Counted per service; the forwards are earning's."""
    letters, rows = await evidence.differences(DEAD_LETTERS)
    forwards, more = await evidence.differences(FORWARDS)
    waiting, both = await evidence.differences(STILL_WAITING)
    found = letters + forwards + waiting
    return Found(await evidence.count(LOOKED_AT), found, [*rows, *more, *both][:ROWS_SHOWN])


CHECK = Check(
    7,
    "sent on",
    "every dead letter went to its topic; every forwarded event waits, is in the outbox or was published, once",
    look,
)
