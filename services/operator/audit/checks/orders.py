"""Invariants 3 and 6: what orders cost, gave back and took of the stock is what debits, restorations and claims say."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_order GROUP BY 1"
DIFFERING = """
WITH cost AS (
    SELECT order_id, sum(points) AS points, sum(amount_minor) AS amount_minor
      FROM redemption.audit_order_line GROUP BY 1
), done AS (
    SELECT c.order_id, l.line_id, sum(l.quantity) FILTER (WHERE c.kind = 'fulfilled') AS fulfilled,
           sum(l.quantity) FILTER (WHERE c.kind = 'cancelled') AS cancelled,
           sum(l.quantity) FILTER (WHERE c.kind = 'returned') AS returned,
           sum(l.quantity) FILTER (WHERE c.kind = 'exchanged') AS exchanged,
           sum(l.points + l.points_kept) AS points, sum(l.amount_minor) AS amount_minor
      FROM redemption.audit_order_change AS c JOIN redemption.audit_order_change_line AS l USING (change_id)
     GROUP BY 1, 2
), step AS (
    SELECT change_id, sum(points) AS points, sum(points_kept) AS points_kept, sum(amount_minor) AS amount_minor
      FROM redemption.audit_order_change_line GROUP BY 1
), units AS (
    SELECT o.program_id, o.member_id, l.reward_id, sum(l.quantity) AS taken,
           sum(CASE l.state WHEN 'cancelled' THEN l.quantity ELSE l.returned + l.exchanged END) AS given_back
      FROM redemption.audit_order AS o JOIN redemption.audit_order_line AS l USING (order_id) GROUP BY 1, 2, 3
), claimed AS (
    SELECT program_id, member_id, reward_id, sum(units) AS taken, sum(given_back) AS given_back
      FROM redemption.audit_reward_claim GROUP BY 1, 2, 3
), given AS (
    SELECT o.redemption_id, sum(c.points) AS points
      FROM redemption.audit_order AS o JOIN redemption.audit_order_change AS c USING (order_id)
     WHERE c.kind IN ('returned', 'cancelled') GROUP BY 1
), restored AS (
    SELECT redemption_id, sum(points) AS points FROM redemption.audit_restoration GROUP BY 1
)
SELECT wrong, o.program_id, o.member_id, 'order ' || o.order_id AS subject, expected::text, found::text
  FROM redemption.audit_order AS o LEFT JOIN cost AS c USING (order_id)
       LEFT JOIN redemption.audit_redemption AS r USING (redemption_id)
       LEFT JOIN redemption.audit_order_change AS x ON x.new_order_id = o.order_id,
       LATERAL (VALUES
           ('the lines of an order do not sum to its points', c.points, o.points::numeric),
           ('the lines of an order do not sum to its money', c.amount_minor, o.amount_minor::numeric),
           ('an order is not what its debit is', CASE WHEN o.exchanged_from IS NULL THEN r.points ELSE x.points END,
            o.points::numeric)
       ) AS rules (wrong, expected, found)
 WHERE expected IS DISTINCT FROM found
UNION ALL
SELECT 'the debit of an order is another member''s', o.program_id, o.member_id, 'order ' || o.order_id,
       'redemption ' || o.redemption_id, r.program_id || '/' || r.member_id
  FROM redemption.audit_order AS o LEFT JOIN redemption.audit_redemption AS r USING (redemption_id)
 WHERE (r.program_id, r.member_id) IS DISTINCT FROM (o.program_id, o.member_id)
UNION ALL
SELECT wrong, o.program_id, o.member_id, 'line ' || l.line_id || ' of order ' || o.order_id, expected::text, found::text
  FROM redemption.audit_order AS o JOIN redemption.audit_order_line AS l USING (order_id)
       LEFT JOIN done AS d USING (order_id, line_id),
       LATERAL (VALUES
           ('units handed over', coalesce(d.fulfilled, 0), CASE l.state WHEN 'fulfilled' THEN l.quantity ELSE 0 END),
           ('units cancelled', coalesce(d.cancelled, 0), CASE l.state WHEN 'cancelled' THEN l.quantity ELSE 0 END),
           ('units returned', coalesce(d.returned, 0), l.returned),
           ('units exchanged', coalesce(d.exchanged, 0), l.exchanged),
           ('points given back or kept', least(d.points, l.points), coalesce(d.points, 0)),
           ('money given back', least(d.amount_minor, l.amount_minor), coalesce(d.amount_minor, 0))
       ) AS rules (part, expected, found),
       LATERAL (SELECT 'a line is not what its changes made of it: ' || part AS wrong) AS told
 WHERE expected IS DISTINCT FROM found AND (d.order_id IS NOT NULL OR part LIKE 'units%')
UNION ALL
SELECT 'a change does not give back what its lines do', o.program_id, o.member_id, 'change ' || c.change_id,
       concat_ws(' ', s.points, s.points_kept, s.amount_minor), concat_ws(' ', c.points, c.points_kept, c.amount_minor)
  FROM redemption.audit_order_change AS c JOIN redemption.audit_order AS o USING (order_id)
       LEFT JOIN step AS s USING (change_id)
 WHERE (s.points, s.points_kept, s.amount_minor)
       IS DISTINCT FROM (c.points::numeric, c.points_kept::numeric, c.amount_minor::numeric)
UNION ALL
SELECT 'points that an order gave back are not those restored', r.program_id, r.member_id,
       'redemption ' || r.redemption_id, coalesce(g.points, 0)::text, coalesce(b.points, 0)::text
  FROM redemption.audit_redemption AS r LEFT JOIN given AS g USING (redemption_id)
       LEFT JOIN restored AS b USING (redemption_id)
 WHERE coalesce(g.points, 0) <> coalesce(b.points, 0)
   AND EXISTS (SELECT FROM redemption.audit_order AS o WHERE o.redemption_id = r.redemption_id)
UNION ALL
SELECT 'units ordered are not those claimed of the stock', coalesce(u.program_id, c.program_id),
       coalesce(u.member_id, c.member_id), 'reward ' || coalesce(u.reward_id, c.reward_id),
       concat_ws(' less ', u.taken, u.given_back), concat_ws(' less ', c.taken, c.given_back)
  FROM units AS u FULL JOIN claimed AS c USING (program_id, member_id, reward_id)
 WHERE (u.taken, u.given_back) IS DISTINCT FROM (c.taken, c.given_back)
"""
CHECK = Check(
    3,
    "orders",
    "every order is its lines and its debit; what it gave back was restored once; each unit was claimed of the stock",
    by_sql(LOOKED_AT, DIFFERING),
)
