"""Invariant 7: fraud monitoring → redemption and notification, from both sides."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

TOPIC = "fraud.holds.v1"
_TOLD = """
SELECT program_id, member_id, 'hold ' || hold_id AS subject, placed_event_id AS event_id
  FROM fraud_monitoring.audit_hold
UNION ALL
SELECT program_id, member_id, 'decision about hold ' || hold_id, decided_event_id
  FROM fraud_monitoring.audit_hold WHERE decided_event_id IS NOT NULL
"""
LOOKED_AT = f"SELECT program_id, count(*) FROM ({_TOLD}) AS told GROUP BY 1"  # noqa: S608 - a text of ours
WITHOUT_CAUSE = """
SELECT 'hold that fraud monitoring did not place' AS wrong, r.program_id, r.member_id, 'hold ' || r.hold_id AS subject,
       NULL AS expected, r.held::text AS found
  FROM redemption.audit_hold AS r
 WHERE NOT EXISTS (SELECT FROM fraud_monitoring.audit_hold AS f
                    WHERE (f.program_id, f.member_id, f.hold_id) = (r.program_id, r.member_id, r.hold_id))
UNION ALL
SELECT 'told more or less often than decided', NULL, NULL, 'fraud_monitoring: ' || topic, decided::text, sent::text
  FROM (SELECT 'fraud.holds.v1' AS topic, count(placed_event_id) + count(decided_event_id) AS decided
          FROM fraud_monitoring.audit_hold
        UNION ALL
        SELECT 'fraud.signals.v1', count(*) FROM fraud_monitoring.audit_signal) AS d,
       LATERAL (SELECT (SELECT count(*) FROM fraud_monitoring.audit_outbox AS o WHERE o.topic = d.topic)
                     + (SELECT coalesce(sum(published), 0) FROM fraud_monitoring.audit_relay AS r
                         WHERE r.topic = d.topic) AS sent) AS s
 WHERE decided <> sent
"""
# Neither in the outbox nor in the reader's books nor in its dead letters. `found` is the event's id. An event's key is
# the first 16 bytes of the hash of its source and id.
_NOT_IN_ANY_BOOKS = """
SELECT 'told by fraud monitoring and not known to {reader}' AS wrong, told.program_id, told.member_id, told.subject,
       NULL AS expected, told.event_id::text AS found
  FROM ({told}) AS told
 WHERE NOT EXISTS (SELECT FROM fraud_monitoring.audit_outbox AS o WHERE o.event_id = told.event_id)
   AND NOT EXISTS (SELECT FROM {reader}.audit_inbox AS i WHERE i.event_key = encode(substring(sha256(
           convert_to('/fraud_monitoring' || E'\\x1f' || told.event_id, 'UTF8')) FOR 16), 'hex')::uuid)
   AND NOT EXISTS (SELECT FROM {reader}.audit_dead_letter_key AS d
                    WHERE d.event_id = told.event_id AND d.topic = 'fraud.holds.v1'
                      AND (d.state <> 'replayed' OR EXISTS (
                          SELECT FROM {reader}.audit_outbox AS o WHERE o.event_id = d.dead_letter_id)))
"""
READERS = ("redemption", "notification")


async def look(evidence: Evidence) -> Found:
    """Of each event about a hold both readers know, those that have ever run, or it is under way to them."""
    total, rows = await evidence.differences(WITHOUT_CAUSE)
    gone = [
        difference
        for reader in READERS
        if evidence.has_books(reader)
        for difference in await lost(evidence, _NOT_IN_ANY_BOOKS.format(reader=reader, told=_TOLD), TOPIC, reader)
    ]
    return Found(await evidence.count(LOOKED_AT), total + len(gone), [*rows, *gone][:ROWS_SHOWN])


CHECK = Check(
    7,
    "holds handed over",
    "every hold and decision of fraud monitoring is on its way to, or in the books of, redemption and notification",
    look,
    needs=("fraud_monitoring",),
)
