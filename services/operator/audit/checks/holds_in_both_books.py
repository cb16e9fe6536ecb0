"""Invariant 1: a hold says the same where it was decided and where it is obeyed."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM fraud_monitoring.audit_hold GROUP BY 1"
# Deadlines and times are not compared: the event carries them, and the event is the same.
DIFFERING = """
SELECT 'hold differs: ' || part AS wrong, f.program_id, f.member_id, 'hold ' || f.hold_id AS subject,
       in_fraud_monitoring AS expected, in_redemption AS found
  FROM fraud_monitoring.audit_hold AS f JOIN redemption.audit_hold AS r USING (program_id, member_id, hold_id),
       LATERAL (VALUES ('scope', r.placed_key IS NOT NULL, f.scope, r.scope),
                       ('points', r.placed_key IS NOT NULL, f.points::text, r.asked::text),
                       ('case', r.placed_key IS NOT NULL, f.case_id, r.case_id),
                       ('grants', r.placed_key IS NOT NULL,
                        (SELECT string_agg(g, ',' ORDER BY g) FROM unnest(f.grant_ids) AS g),
                        (SELECT string_agg(g, ',' ORDER BY g) FROM unnest(r.grant_ids::text[]) AS g)),
                       ('decision', r.state <> 'open', f.state, r.state),
                       ('person', r.state <> 'open', f.decided_by, r.person),
                       ('note', r.state <> 'open', f.note, r.note),
                       ('points named', r.state <> 'open', f.confirmed_points::text, r.named_points::text)
               ) AS parts (part, is_told, in_fraud_monitoring, in_redemption)
 WHERE is_told AND in_fraud_monitoring IS DISTINCT FROM in_redemption
"""
CHECK = Check(
    1,
    "holds in both books",
    "scope, grants, points, case and decision of every hold are equal in fraud monitoring's and redemption's books",
    by_sql(LOOKED_AT, DIFFERING),
    needs=("fraud_monitoring",),
)
