"""Invariant 3: the lots that paid a redemption, and what each lot paid."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*)
  FROM redemption.audit_allocation JOIN redemption.audit_redemption USING (redemption_id) GROUP BY 1
"""
DIFFERING = """
WITH paid AS (
    SELECT redemption_id, sum(points) AS points FROM redemption.audit_allocation GROUP BY 1
), lot_paid AS (
    SELECT lot_id, sum(points) AS points FROM redemption.audit_allocation GROUP BY 1
), lot_posted AS (
    SELECT lot_id, min(program_id) AS program_id, min(member_id) AS member_id, sum(points) AS points
      FROM redemption.audit_journal WHERE to_account = 'redeemed' AND from_account IN ('available', 'reserved')
     GROUP BY 1
)
SELECT 'allocations do not sum to the redemption' AS wrong, r.program_id, r.member_id,
       'redemption ' || redemption_id AS subject, r.points::text AS expected, p.points::text AS found
  FROM redemption.audit_redemption AS r FULL JOIN paid AS p USING (redemption_id)
 WHERE r.points IS DISTINCT FROM p.points
UNION ALL
SELECT 'allocations of a lot are not what the journal says it paid', p.program_id, p.member_id, 'lot ' || lot_id,
       p.points::text, a.points::text
  FROM lot_posted AS p FULL JOIN lot_paid AS a USING (lot_id)
 WHERE p.points IS DISTINCT FROM a.points
"""
CHECK = Check(
    3,
    "allocations",
    "the allocations of every redemption sum to its points, and those of every lot to what it paid",
    by_sql(LOOKED_AT, DIFFERING),
)
