"""Invariant 6: every unit owed or paid to a partner or a donation's recipient reaches a fulfilled order (C28, C32)."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM redemption.audit_settlement_entry GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_settlement_claim GROUP BY 1
"""
DIFFERING = """
WITH owed AS (
    SELECT program_id, order_id, line_id, min(reward_id) AS reward_id, count(DISTINCT reward_id) AS rewards,
           sum(units) FILTER (WHERE movement = 'fulfilled')::bigint AS fulfilled,
           coalesce(sum(units) FILTER (WHERE movement = 'returned'), 0)::bigint AS returned
      FROM redemption.audit_settlement_entry GROUP BY 1, 2, 3
), line AS (
    SELECT o.program_id, o.member_id, l.*
      FROM redemption.audit_order AS o JOIN redemption.audit_order_line AS l USING (order_id)
), stated AS (
    SELECT program_id, payee_kind, payee_id, period,
           sum(CASE movement WHEN 'fulfilled' THEN units ELSE -units END)::bigint AS units,
           sum((CASE movement WHEN 'fulfilled' THEN units ELSE -units END)
               * (unit_price_minor - unit_fee_minor))::bigint AS owed_minor
      FROM redemption.audit_settlement_entry GROUP BY 1, 2, 3, 4
)
SELECT wrong, coalesce(w.program_id, l.program_id) AS program_id, l.member_id,
       'line ' || coalesce(w.line_id, l.line_id) || ' of order ' || coalesce(w.order_id, l.order_id) AS subject,
       expected, found
  FROM owed AS w FULL JOIN line AS l USING (order_id, line_id),
       LATERAL (VALUES
           ('units are owed for that no order handed over', CASE l.state WHEN 'fulfilled' THEN l.quantity::text END,
            w.fulfilled::text, w.order_id IS NOT NULL AND (l.state IS DISTINCT FROM 'fulfilled'
                                                           OR l.quantity <> w.fulfilled)),
           ('units came back and are still owed, or the reverse', (l.returned + l.exchanged)::text, w.returned::text,
            w.order_id IS NOT NULL AND l.returned + l.exchanged IS DISTINCT FROM w.returned),
           ('units were handed over and nobody is owed', l.quantity::text, NULL,
            w.order_id IS NULL AND l.state = 'fulfilled' AND l.kind IN ('partner_benefit', 'donation')),
           ('an entry names another reward or program than its order', l.program_id || '/' || l.reward_id,
            w.program_id || '/' || w.reward_id,
            w.rewards > 1 OR (w.program_id, w.reward_id) IS DISTINCT FROM (l.program_id, l.reward_id)
                             AND w.order_id IS NOT NULL AND l.order_id IS NOT NULL)
       ) AS rules (wrong, expected, found, broken)
 WHERE broken
UNION ALL
SELECT 'a claim is not its statement', c.program_id, NULL, 'claim of ' || c.payee_id || ' for ' || c.period,
       concat_ws(' units, ', s.units, s.owed_minor), concat_ws(' units, ', c.units, c.owed_minor)
  FROM redemption.audit_settlement_claim AS c
       LEFT JOIN stated AS s USING (program_id, payee_kind, payee_id, period)
 WHERE (s.units, s.owed_minor) IS DISTINCT FROM (c.units, c.owed_minor)
"""
CHECK = Check(
    6,
    "settlement",
    "every unit owed or paid to a partner or recipient reaches a fulfilled order, and what came back is not paid",
    by_sql(LOOKED_AT, DIFFERING),
)
