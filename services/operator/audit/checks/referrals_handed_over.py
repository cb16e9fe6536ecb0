"""Invariant 7: the inviter's side of a referral travels by `earning.effects.v1`, from earning to earning."""

from services.operator.audit.handed_over import handed_over, in_no_books

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
GONE = f"""
SELECT 'told to the inviter and nowhere else' AS wrong, t.program_id, t.member_id, t.subject, NULL AS expected,
       t.event_id::text AS found
  FROM ({_TOLD}) AS t
 WHERE {in_no_books("t")}
"""  # noqa: S608 - texts of ours

CHECK = handed_over(
    "referrals handed over",
    "every qualified or reversed referral reached the inviter's books or is on its way; every reward has its referral",
    looked_at=LOOKED_AT,
    without_cause=WITHOUT_CAUSE,
    gone=GONE,
)
