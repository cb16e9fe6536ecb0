"""Invariant 6: no more was taken of a reward's stock than there is, and what was taken is what members claimed."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_stock_count GROUP BY 1"
DIFFERING = """
WITH claimed AS (
    SELECT program_id, reward_id, l.line, l.period, sum(c.units - c.given_back) AS taken
      FROM redemption.audit_reward_claim AS c, unnest(c.lines, c.periods) AS l (line, period)
     GROUP BY 1, 2, 3, 4
)
SELECT wrong, program_id, NULL AS member_id, concat_ws(' ', 'stock of', reward_id, line, nullif(period, '')) AS subject,
       expected::text, found::text
  FROM redemption.audit_stock_count AS s FULL JOIN claimed AS c USING (program_id, reward_id, line, period),
       LATERAL (VALUES
           ('more units were taken than there are', s.allowed, s.taken, s.taken > s.allowed),
           ('units taken are not those that members claimed and have not given back', coalesce(c.taken, 0), s.taken,
            s.taken IS DISTINCT FROM coalesce(c.taken, 0))
       ) AS rules (wrong, expected, found, broken)
 WHERE broken
UNION ALL
SELECT 'a purchase serves a claim of another member, or one that came back whole', p.program_id, p.member_id,
       concat_ws(' ', 'line', p.line_id, 'of receipt', p.receipt_id), 'a standing claim of the member',
       p.claim_id::text
  FROM redemption.audit_purchased_line AS p
 WHERE p.claim_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM redemption.audit_reward_claim AS c
            WHERE c.claim_id = p.claim_id AND c.given_back < c.units
              AND (c.program_id, c.member_id) = (p.program_id, p.member_id))
"""
CHECK = Check(
    6,
    "stock",
    "units taken ≤ units there are, on every line of stock and in every slot, and each was claimed by a member",
    by_sql(LOOKED_AT, DIFFERING),
)
