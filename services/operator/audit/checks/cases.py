"""Invariant 2: every hold has the signal and the case it comes from, once; and people decided what is decided (C26)."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM fraud_monitoring.audit_signal GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM fraud_monitoring.audit_hold GROUP BY 1
"""
DIFFERING = """
SELECT 'hold without its signal or case' AS wrong, h.program_id, h.member_id, 'hold ' || h.hold_id AS subject,
       'signal ' || h.signal_id || ' of case ' || h.case_id AS expected,
       'signal ' || s.signal_id || ' of case ' || c.case_id AS found
  FROM fraud_monitoring.audit_hold AS h LEFT JOIN fraud_monitoring.audit_signal AS s USING (signal_id)
       LEFT JOIN fraud_monitoring.audit_case AS c ON c.case_id = h.case_id
 WHERE s.signal_id IS NULL OR c.case_id IS NULL OR s.case_id <> h.case_id
    OR (s.program_id, c.program_id) <> (h.program_id, h.program_id)
UNION ALL
SELECT 'signal without its case', s.program_id, s.member_id, 'signal ' || s.signal_id, 'case ' || s.case_id, NULL
  FROM fraud_monitoring.audit_signal AS s
 WHERE NOT EXISTS (SELECT FROM fraud_monitoring.audit_case AS c
                    WHERE (c.case_id, c.program_id) = (s.case_id, s.program_id))
UNION ALL
SELECT 'case without a signal', c.program_id, c.member_id, 'case ' || c.case_id, 'a signal', NULL
  FROM fraud_monitoring.audit_case AS c
 WHERE NOT EXISTS (SELECT FROM fraud_monitoring.audit_signal AS s WHERE s.case_id = c.case_id)
UNION ALL
SELECT 'one signal held the same twice', min(program_id), min(member_id),
       'holds ' || string_agg(hold_id, ', ' ORDER BY hold_id), '1', count(*)::text
  FROM fraud_monitoring.audit_hold GROUP BY signal_id, program_id, member_id, scope, grant_ids HAVING count(*) > 1
UNION ALL
SELECT 'decided by nobody', program_id, member_id, subject, 'person and note', decided_by
  FROM (SELECT program_id, member_id, 'hold ' || hold_id AS subject, decided_by, note
          FROM fraud_monitoring.audit_hold WHERE state <> 'placed' OR decided_event_id IS NOT NULL
        UNION ALL
        SELECT program_id, member_id, 'case ' || case_id, decided_by, note
          FROM fraud_monitoring.audit_case WHERE state IN ('released', 'confirmed')) AS decided
 WHERE coalesce(decided_by, '') = '' OR coalesce(note, '') = ''
UNION ALL
SELECT 'a hold is open and its case is decided', h.program_id, h.member_id, 'hold ' || h.hold_id, 'decided', c.state
  FROM fraud_monitoring.audit_hold AS h JOIN fraud_monitoring.audit_case AS c USING (case_id)
 WHERE h.state = 'placed' AND c.state IN ('released', 'confirmed')
"""
CHECK = Check(
    2,
    "cases",
    "every hold has one signal and one case and was placed once; every decision has a person and a note",
    by_sql(LOOKED_AT, DIFFERING),
    needs=("fraud_monitoring",),
)
