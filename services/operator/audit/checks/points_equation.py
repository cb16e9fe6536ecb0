"""Invariant 1, member by member, from lots, claw-backs and wallets."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_wallet GROUP BY 1"
DIFFERING = """
WITH lots AS (
    SELECT program_id, member_id, sum(points) FILTER (WHERE child_of IS NULL) AS issued,
           sum(remaining + held + reserved + redeemed + expired + forfeited) AS elsewhere
      FROM redemption.audit_lot GROUP BY 1, 2
), taken AS (
    SELECT program_id, member_id, sum(points) AS clawed_back FROM redemption.audit_claw_back GROUP BY 1, 2
), debited AS (
    -- debits by correction that no lot could pay: forfeited and owed
    SELECT program_id, member_id, sum(short) AS short FROM redemption.audit_debit GROUP BY 1, 2
), member AS (
    SELECT program_id, member_id, w.program_id IS NOT NULL AS has_wallet, coalesce(issued, 0) AS issued,
           coalesce(elsewhere, 0) + coalesce(short, 0) + coalesce(clawed_back, 0) - coalesce(deficit, 0)
           - coalesce(waived, 0) AS accounted
      FROM lots FULL JOIN taken USING (program_id, member_id) FULL JOIN debited USING (program_id, member_id)
           FULL JOIN redemption.audit_wallet AS w USING (program_id, member_id)
)
SELECT 'issued is not the sum of the accounts' AS wrong, program_id, member_id, 'points' AS subject,
       issued::text AS expected, accounted::text AS found
  FROM member WHERE issued <> accounted
UNION ALL
SELECT 'points without a wallet', program_id, member_id, 'points', NULL, issued::text FROM member WHERE NOT has_wallet
"""
CHECK = Check(
    1,
    "points equation",
    "issued = pending + available + reserved + held + redeemed + expired + forfeited + clawed back − deficit − waived",
    by_sql(LOOKED_AT, DIFFERING),
)
