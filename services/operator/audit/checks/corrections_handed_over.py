"""Invariant 7: what two operators agreed on reaches earning's books by `earning.effects.v1`, and nothing else does."""

from services.operator.audit.handed_over import handed_over, in_no_books

LOOKED_AT = "SELECT program_id, count(*) FROM earning.audit_correction GROUP BY 1"
WITHOUT_CAUSE = """
SELECT 'corrected, but not as two persons agreed' AS wrong, g.program_id, g.member_id,
       'grant ' || g.grant_id AS subject,
       coalesce(c.points || ' of ' || c.budget_id, 'an approved correction') AS expected,
       g.points || ' of ' || g.budget_id AS found
  FROM earning.audit_occasion AS o JOIN earning.audit_grant AS g USING (occasion_key)
       LEFT JOIN earning.audit_correction AS c ON c.event_key = o.event_key AND c.state = 'approved'
                                                  AND c.decided_by <> c.requested_by
 WHERE o.kind = 'correction'
   AND (c.program_id, c.member_id, c.points, c.budget_id)
       IS DISTINCT FROM (g.program_id, g.member_id, g.points, g.budget_id)
UNION ALL
SELECT 'debited, but not as two persons agreed', o.program_id, o.member_id, 'correction ' || o.occasion_key,
       'an approved debit', c.points::text
  FROM earning.audit_occasion AS o
       LEFT JOIN earning.audit_correction AS c ON c.event_key = o.event_key AND c.state = 'approved'
                                                  AND c.decided_by <> c.requested_by
 WHERE o.outcome = 'debited'
   AND ((c.program_id, c.member_id) IS DISTINCT FROM (o.program_id, o.member_id) OR c.points >= 0)
UNION ALL
SELECT 'correction and its steps differ', c.program_id, c.member_id, 'correction ' || c.correction_id,
       concat_ws(', ', 'requested by ' || c.requested_by, c.state || ' by ' || c.decided_by), s.steps
  FROM earning.audit_correction AS c,
       LATERAL (SELECT string_agg(step || ' by ' || person, ', ' ORDER BY step_id) AS steps
                  FROM earning.audit_correction_step AS t
                 WHERE (t.program_id, t.correction_id) = (c.program_id, c.correction_id)) AS s
 WHERE s.steps IS DISTINCT FROM concat_ws(', ', 'requested by ' || c.requested_by, c.state || ' by ' || c.decided_by)
"""
GONE = f"""
SELECT 'approved and nowhere else' AS wrong, c.program_id, c.member_id, 'correction ' || c.correction_id AS subject,
       c.points::text AS expected, c.event_id::text AS found
  FROM earning.audit_correction AS c
 WHERE c.state = 'approved'
   AND {in_no_books("c")}
"""  # noqa: S608 - texts of ours

CHECK = handed_over(
    "corrections handed over",
    "every correction that two persons agreed on reached earning's books or is on its way, and no other correction did",
    looked_at=LOOKED_AT,
    without_cause=WITHOUT_CAUSE,
    gone=GONE,
)
