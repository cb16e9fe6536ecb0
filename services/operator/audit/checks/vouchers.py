"""Invariant 6: vouchers and benefits are had as often as they may be, and cost what is told."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT program_id, count(*) FROM redemption.audit_voucher_request GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_voucher GROUP BY 1
UNION ALL
SELECT program_id, count(*) FROM redemption.audit_benefit_use GROUP BY 1
"""
# A line's vouchers are issued with its hand-over, in one transaction.
DIFFERING = """
SELECT 'voucher and its uses differ' AS wrong, v.program_id, v.member_id, 'voucher ' || v.voucher_id AS subject,
       v.state AS expected, u.standing || ' uses stand' AS found
  FROM redemption.audit_voucher AS v,
       LATERAL (SELECT count(*) AS standing FROM redemption.audit_voucher_use AS u
                 WHERE u.voucher_id = v.voucher_id AND u.undone_at IS NULL) AS u
 WHERE u.standing <> CASE v.state WHEN 'used' THEN 1 ELSE 0 END
UNION ALL
SELECT 'voucher used by or for another', u.program_id, u.member_id, 'use ' || u.use_id,
       v.program_id || '/' || v.member_id, u.program_id || '/' || u.member_id
  FROM redemption.audit_voucher_use AS u LEFT JOIN redemption.audit_voucher AS v USING (voucher_id)
 WHERE (u.program_id, u.member_id) IS DISTINCT FROM (v.program_id, v.member_id)
UNION ALL
SELECT 'voucher used before it was issued or after its date', u.program_id, u.member_id, 'use ' || u.use_id,
       v.valid_until::text, u.used_at::text
  FROM redemption.audit_voucher_use AS u JOIN redemption.audit_voucher AS v USING (voucher_id)
 WHERE u.used_at >= v.valid_until OR u.used_at < v.issued_at
UNION ALL
SELECT 'vouchers of a line differ from the units handed over', coalesce(o.program_id, v.program_id),
       coalesce(o.member_id, v.member_id), 'order ' || coalesce(l.order_id, v.order_id) || ', line '
           || coalesce(l.line_id, v.line_id), coalesce(l.quantity, 0)::text, coalesce(v.units, 0)::text
  FROM (SELECT * FROM redemption.audit_order_line
         WHERE state = 'fulfilled' AND kind IN ('voucher_amount', 'voucher_threshold', 'voucher_percent')) AS l
       JOIN redemption.audit_order AS o USING (order_id)
       FULL JOIN (SELECT order_id, line_id, program_id, member_id, count(*) AS units FROM redemption.audit_voucher
                   WHERE order_id IS NOT NULL GROUP BY 1, 2, 3, 4) AS v USING (order_id, line_id)
 WHERE (o.program_id, o.member_id, l.quantity) IS DISTINCT FROM (v.program_id, v.member_id, v.units)
UNION ALL
SELECT 'voucher other than requested', coalesce(r.program_id, v.program_id), coalesce(r.member_id, v.member_id),
       'request ' || coalesce(r.request_id, v.request_id), concat_ws(' of version ', r.offer_id, r.rule_version),
       concat_ws(' of version ', v.offer_id, v.rule_version)
  FROM redemption.audit_voucher_request AS r
       FULL JOIN (SELECT * FROM redemption.audit_voucher WHERE request_id IS NOT NULL) AS v USING (request_id)
 WHERE (r.program_id, r.member_id, r.offer_id, r.rule_version)
       IS DISTINCT FROM (v.program_id, v.member_id, v.offer_id, v.rule_version)
   AND (v.voucher_id IS NOT NULL OR r.state = 'issued')
UNION ALL
SELECT 'recalled voucher can still be used', r.program_id, r.member_id, 'request ' || r.request_id, 'ended', v.state
  FROM redemption.audit_voucher_request AS r JOIN redemption.audit_voucher AS v USING (request_id)
 WHERE r.state = 'closed' AND v.state = 'issued'
   AND NOT EXISTS (SELECT FROM redemption.audit_voucher_use AS u WHERE u.voucher_id = v.voucher_id)
UNION ALL
SELECT 'a budget of benefits differs from their uses (minor units)', program_id, NULL, 'budget ' || b.budget_id,
       coalesce(u.cost, 0)::text, b.used_minor::text
  FROM redemption.audit_benefit_budget AS b
       LEFT JOIN (SELECT program_id, budget_id, sum(amount_minor) AS cost FROM redemption.audit_benefit_use
                   WHERE undone_at IS NULL GROUP BY 1, 2) AS u USING (program_id, budget_id)
 WHERE b.used_minor <> coalesce(u.cost, 0)
UNION ALL
SELECT 'benefits cost more than was approved (minor units)', program_id, NULL, 'budget ' || budget_id,
       approved_minor::text, used_minor::text
  FROM redemption.audit_benefit_budget WHERE used_minor > approved_minor
UNION ALL
SELECT 'a budget of benefits pays for points too', b.program_id, NULL, 'budget ' || b.budget_id, '0', s.spent::text
  FROM redemption.audit_benefit_budget AS b
       JOIN (SELECT program_id, budget_id, sum(spent_minor) AS spent FROM earning.audit_budget_slice GROUP BY 1, 2) AS s
            USING (program_id, budget_id)
 WHERE s.spent > 0
UNION ALL
SELECT 'benefit had more often than it may be', program_id, member_id, 'benefit ' || benefit_id || ' in ' || period,
       max(times_allowed)::text, count(*)::text
  FROM redemption.audit_benefit_use WHERE undone_at IS NULL
 GROUP BY program_id, member_id, benefit_id, period HAVING count(*) > max(times_allowed)
"""
CHECK = Check(
    6,
    "vouchers and benefits",
    "each voucher comes from a unit handed over or a request and is used once, in its time; each benefit is had as "
    "often as it may be, and costs what its budget says",
    by_sql(LOOKED_AT, DIFFERING),
)
