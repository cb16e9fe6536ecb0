"""Invariant 2: each applied event has exactly its decision (earning) or its lot, claw-back or hold (redemption)."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.scheduled import scheduled_event_keys
from services.operator.audit.verdict import Found

LOOKED_AT = """
SELECT NULL::text, count(*) FROM earning.audit_inbox
UNION ALL
SELECT NULL, count(*) FROM redemption.audit_inbox
"""
# Redemption's effects, each under the key of the event that caused it.
EFFECTS = """
WITH effect AS (
    SELECT program_id, member_id, 'lot ' || lot_id AS subject, '/earning' AS source, granted_event_id AS event_id
      FROM redemption.audit_lot WHERE child_of IS NULL
    UNION ALL
    SELECT program_id, member_id, 'claw-back ' || claw_back_id, '/earning', claw_back_id::text
      FROM redemption.audit_claw_back
    UNION ALL
    SELECT program_id, member_id, 'debit ' || debit_id, '/earning', debit_id::text FROM redemption.audit_debit
    UNION ALL
    SELECT program_id, member_id, 'hold ' || hold_id, '/fraud_monitoring', placed_event_id
      FROM redemption.audit_hold WHERE placed_event_id IS NOT NULL
    UNION ALL
    SELECT program_id, member_id, 'decision about hold ' || hold_id, '/fraud_monitoring', decided_event_id
      FROM redemption.audit_hold WHERE decided_event_id IS NOT NULL
    UNION ALL
    SELECT program_id, member_id, 'tender refund ' || tender_refund_id, '/earning', tender_refund_id::text
      FROM redemption.audit_tender_refund
    UNION ALL
    SELECT program_id, member_id, 'voucher request ' || request_id, '/earning', event_id
      FROM redemption.audit_voucher_request
    UNION ALL
    SELECT program_id, member_id, 'recall of voucher request ' || request_id, '/earning', recall_id
      FROM redemption.audit_voucher_request WHERE recall_id IS NOT NULL
), keyed AS (
    -- an event's key: the first 16 bytes of the hash of its source and id
    SELECT *, encode(substring(sha256(convert_to(source || E'\\x1f' || event_id, 'UTF8')) FOR 16), 'hex')::uuid
              AS event_key
      FROM effect
)
"""
DIFFERING = """
_effects_
SELECT CASE WHEN d.event_key IS NULL THEN 'event applied without a decision' ELSE 'decision without its event' END
       AS wrong, d.program_id, d.member_id,
       coalesce('event ' || d.event_id || ' of ' || d.event_source,
                'event ' || i.event_key || ' at ' || i.topic || '/' || i.partition || '@' || i.record_offset
               ) AS subject,
       NULL AS expected, d.outcome AS found
  FROM earning.audit_inbox AS i FULL JOIN earning.audit_decision AS d USING (event_key)
 WHERE i.event_key IS NULL OR d.event_key IS NULL
UNION ALL
SELECT 'declined without a reason code', program_id, member_id, 'event ' || event_id || ' of ' || event_source,
       'a code', code
  FROM earning.audit_decision WHERE outcome = 'declined' AND code IS NULL
UNION ALL
SELECT 'effect without its event', program_id, member_id, subject, NULL, NULL
  FROM keyed AS k WHERE NOT EXISTS (SELECT FROM redemption.audit_inbox AS i WHERE i.event_key = k.event_key)
UNION ALL
SELECT 'two effects of one event', min(program_id), min(member_id), string_agg(subject, ', ' ORDER BY subject), '1',
       count(*)::text
  FROM keyed GROUP BY event_key HAVING count(*) > 1
""".replace("_effects_", EFFECTS)
# `found` is the event's key. A lot that only got its date keeps no trace of the event that told it.
WITHOUT_EFFECT = """
_effects_
SELECT 'event applied without a lot, claw-back or hold' AS wrong, NULL AS program_id, NULL AS member_id,
       'event ' || i.event_key || ' at ' || i.topic || '/' || i.partition || '@' || i.record_offset AS subject,
       NULL AS expected, i.event_key::text AS found
  FROM redemption.audit_inbox AS i
 WHERE i.topic IN ('points.grants.v1', 'fraud.holds.v1')
   AND NOT EXISTS (SELECT FROM keyed AS k WHERE k.event_key = i.event_key)
""".replace("_effects_", EFFECTS)


async def look(evidence: Evidence) -> Found:
    """Events without a lot or claw-back may have dated one: then earning's delivery names them."""
    total, rows = await evidence.differences(DIFFERING)
    _, candidates = await evidence.differences(WITHOUT_EFFECT, limit=None)
    scheduled = await scheduled_event_keys(evidence) if candidates else set()
    without = [row for row in candidates if row.found not in scheduled]
    return Found(await evidence.count(LOOKED_AT), total + len(without), [*rows, *without][:ROWS_SHOWN])


CHECK = Check(
    2,
    "one effect per event",
    "every applied event has exactly one decision, lot, claw-back or hold, and each of these has its event",
    look,
)
