"""Invariant 3: spent points that went back are those that were spent, and lie where the journal put them."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_restoration GROUP BY 1"
DIFFERING = """
WITH given AS (
    SELECT restoration_id, sum(points) AS points FROM redemption.audit_restored_share GROUP BY 1
), back AS (
    SELECT redemption_id, lot_id, sum(points) AS points FROM redemption.audit_restored_share GROUP BY 1, 2
), into_lot AS (
    SELECT to_lot_id AS lot_id, sum(points) AS points FROM redemption.audit_restored_share GROUP BY 1
), posted AS (
    SELECT lot_id, sum(points) AS points FROM redemption.audit_journal
     WHERE from_account = 'redeemed' AND to_account = 'available' GROUP BY 1
), children AS (
    SELECT child_of AS lot_id, sum(points) AS points FROM redemption.audit_lot WHERE child_of IS NOT NULL GROUP BY 1
)
SELECT 'restoration and its shares differ' AS wrong, r.program_id, r.member_id,
       'restoration ' || restoration_id AS subject, r.points::text AS expected, g.points::text AS found
  FROM redemption.audit_restoration AS r FULL JOIN given AS g USING (restoration_id)
 WHERE r.points IS DISTINCT FROM g.points
UNION ALL
SELECT 'restoration of another member''s redemption', r.program_id, r.member_id, 'restoration ' || r.restoration_id,
       s.program_id || '/' || s.member_id, r.program_id || '/' || r.member_id
  FROM redemption.audit_restoration AS r LEFT JOIN redemption.audit_redemption AS s USING (redemption_id)
 WHERE (r.program_id, r.member_id) IS DISTINCT FROM (s.program_id, s.member_id)
UNION ALL
SELECT 'more was given back than a lot had paid', l.program_id, l.member_id,
       'redemption ' || b.redemption_id || ', lot ' || b.lot_id, a.points::text, b.points::text
  FROM back AS b LEFT JOIN redemption.audit_allocation AS a USING (redemption_id, lot_id)
       LEFT JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE b.points > coalesce(a.points, 0)
UNION ALL
SELECT 'points went back to another lot than paid, or its child', p.program_id, p.member_id,
       'restoration ' || s.restoration_id || ', lot ' || s.to_lot_id, s.lot_id::text, t.child_of::text
  FROM redemption.audit_restored_share AS s LEFT JOIN redemption.audit_lot AS p USING (lot_id)
       LEFT JOIN redemption.audit_lot AS t ON t.lot_id = s.to_lot_id
 WHERE s.to_lot_id <> s.lot_id
   AND (t.child_of, t.grant_id, t.points) IS DISTINCT FROM (s.lot_id, p.grant_id, s.points)
UNION ALL
SELECT 'points given back and journal differ', l.program_id, l.member_id, 'lot ' || lot_id,
       coalesce(p.points, 0)::text, coalesce(i.points, 0)::text
  FROM posted AS p FULL JOIN into_lot AS i USING (lot_id) LEFT JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE p.points IS DISTINCT FROM i.points
UNION ALL
SELECT 'points passed on are not those of the children', l.program_id, l.member_id, 'lot ' || l.lot_id,
       coalesce(c.points, 0)::text, l.passed_on::text
  FROM redemption.audit_lot AS l LEFT JOIN children AS c USING (lot_id)
 WHERE l.passed_on <> coalesce(c.points, 0)
"""
CHECK = Check(
    3,
    "restorations",
    "spent points went back at most once, to the lots that paid or their children, as the journal says",
    by_sql(LOOKED_AT, DIFFERING),
)
