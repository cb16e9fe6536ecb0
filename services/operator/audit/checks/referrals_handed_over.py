"""Invariant 7: the inviter's side of a referral travels by `earning.effects.v1`, from earning to earning."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

TOPIC = "earning.effects.v1"
_TOLD = """
SELECT referral_key, program_id, inviter_id AS member_id, kind || ' of ' || invitee_id AS subject, event_id,
       encode(substring(sha256(convert_to('/earning' || E'\\x1f' || event_id, 'UTF8')) FOR 16), 'hex')::uuid
           AS event_key, kind
  FROM earning.audit_referral,
       LATERAL (VALUES ('qualified', qualified_id), ('reversed', reversed_id)) AS told (kind, event_id)
 WHERE event_id IS NOT NULL
"""
LOOKED_AT = f"SELECT program_id, count(*) FROM ({_TOLD}) AS told GROUP BY 1"  # noqa: S608 - a text of ours
WITHOUT_CAUSE = f"""
SELECT 'reward that no referral told' AS wrong, w.program_id, w.inviter_id AS member_id,
       'reward for ' || w.invitee_id AS subject, NULL AS expected, w.outcome AS found
  FROM earning.audit_referral_reward AS w,
       LATERAL (VALUES ('qualified', w.event_key), ('reversed', w.reversal_key)) AS known (kind, event_key)
 WHERE known.event_key IS NOT NULL
   AND NOT EXISTS (SELECT FROM ({_TOLD}) AS t
                    WHERE (t.referral_key, t.program_id, t.member_id, t.kind, t.event_key)
                          = (w.referral_key, w.program_id, w.inviter_id, known.kind, known.event_key))
"""  # noqa: S608 - a text of ours
# Neither in the outbox, nor applied, waiting or dead-lettered. `found` is the event's id.
NOT_IN_ANY_BOOKS = f"""
SELECT 'told to the inviter and nowhere else' AS wrong, t.program_id, t.member_id, t.subject, NULL AS expected,
       t.event_id::text AS found
  FROM ({_TOLD}) AS t
 WHERE NOT EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id IN (t.event_id, t.event_key))
   AND NOT EXISTS (SELECT FROM earning.audit_inbox AS i WHERE i.event_key = t.event_key)
   AND NOT EXISTS (SELECT FROM earning.audit_waiting AS w WHERE w.event_key = t.event_key)
   AND NOT EXISTS (SELECT FROM earning.audit_dead_letter_key AS d
                    WHERE d.event_id = t.event_id AND d.topic = 'earning.effects.v1'
                      AND (d.state <> 'replayed' OR EXISTS (
                          SELECT FROM earning.audit_outbox AS o WHERE o.event_id = d.dead_letter_id)))
"""  # noqa: S608 - a text of ours


async def look(evidence: Evidence) -> Found:
    """What the books do not explain must be among the records that earning has still to read."""
    total, rows = await evidence.differences(WITHOUT_CAUSE)
    gone = await lost(evidence, NOT_IN_ANY_BOOKS, TOPIC, "earning")
    return Found(await evidence.count(LOOKED_AT), total + len(gone), [*rows, *gone][:ROWS_SHOWN])


CHECK = Check(
    7,
    "referrals handed over",
    "every qualified or reversed referral reached the inviter's books or is on its way; every reward has its referral",
    look,
)
