"""Invariant 3: what tills reserved, captured and got back is what lots, redemptions and refunds say."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_authorization GROUP BY 1"
DIFFERING = """
WITH authorized AS (
    SELECT * FROM redemption.audit_authorization
), shared AS (
    SELECT authorization_id, sum(points) AS points FROM redemption.audit_authorization_share GROUP BY 1
), reserved AS (
    SELECT lot_id, sum(s.points) AS points
      FROM redemption.audit_authorization_share AS s JOIN authorized AS a USING (authorization_id)
     WHERE a.state = 'placed' GROUP BY 1
), refunded AS (
    SELECT authorization_id, sum(points) AS points, max(amount_minor) AS amount_minor
      FROM redemption.audit_tender_refund GROUP BY 1
), restored AS (
    SELECT redemption_id, sum(points) AS points FROM redemption.audit_restoration GROUP BY 1
)
SELECT 'authorization: ' || part AS wrong, a.program_id, a.member_id, 'authorization ' || a.authorization_id AS subject,
       expected::text, found::text
  FROM authorized AS a LEFT JOIN shared AS s USING (authorization_id) LEFT JOIN refunded AS f USING (authorization_id)
       LEFT JOIN redemption.audit_redemption AS r USING (redemption_id)
       LEFT JOIN restored AS b USING (redemption_id),
       LATERAL (VALUES
           ('points reserved by lot', a.points::numeric, coalesce(s.points, 0)),
           ('money for the points', a.points * a.rate_minor / a.rate_points, a.amount_minor),
           ('broken steps captured', 0, a.captured_points % a.step_points),
           ('points captured and redeemed', a.captured_points, coalesce(r.points, 0)),
           ('money for the points captured', a.captured_points * a.rate_minor / a.rate_points, a.captured_minor),
           ('money that refunds gave back', least(coalesce(f.amount_minor, 0), a.captured_minor), a.refunded_minor),
           ('points in proportion to that money',
            CASE a.captured_minor WHEN 0 THEN 0 ELSE a.captured_points * a.refunded_minor / a.captured_minor END,
            a.given_back),
           ('points that refunds gave back', coalesce(f.points, 0), a.given_back),
           ('points restored', coalesce(b.points, 0), a.given_back)
       ) AS parts (part, expected, found)
 WHERE expected IS DISTINCT FROM found
UNION ALL
SELECT 'authorization of another member', a.program_id, a.member_id, 'authorization ' || a.authorization_id,
       l.program_id || '/' || l.member_id, a.program_id || '/' || a.member_id
  FROM authorized AS a JOIN redemption.audit_authorization_share AS s USING (authorization_id)
       JOIN redemption.audit_lot AS l USING (lot_id)
 WHERE (a.program_id, a.member_id) <> (l.program_id, l.member_id)
UNION ALL
SELECT 'reserved points of a lot without their authorization', l.program_id, l.member_id, 'lot ' || l.lot_id,
       coalesce(r.points, 0)::text, l.reserved::text
  FROM redemption.audit_lot AS l LEFT JOIN reserved AS r USING (lot_id)
 WHERE l.reserved <> coalesce(r.points, 0)
"""
CHECK = Check(
    3,
    "authorizations",
    "points reserved, captured and given back at the till are those of their lots, redemptions and refunds",
    by_sql(LOOKED_AT, DIFFERING),
)
