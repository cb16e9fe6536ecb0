"""Invariant 4: marketing money, approved, reserved, spent and given back."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM earning.audit_budget_slice GROUP BY 1"
DIFFERING = """
WITH slices AS (
    SELECT program_id, budget_id, sum(reserved_minor) AS reserved, sum(spent_minor) AS spent
      FROM earning.audit_budget_slice GROUP BY 1, 2
), granted AS (
    SELECT program_id, budget_id, sum(cost) AS cost
      FROM (SELECT program_id, budget_id, cost_minor - cost_returned_minor AS cost FROM earning.audit_grant
             UNION ALL
            SELECT program_id, voucher_budget_id, voucher_cost_minor FROM earning.audit_referral
             WHERE voucher_request_id IS NOT NULL) AS costs
     GROUP BY 1, 2
)
SELECT wrong, program_id, NULL AS member_id, 'budget ' || budget_id AS subject, expected::text, found::text
  FROM earning.audit_budget AS b FULL JOIN slices AS s USING (program_id, budget_id)
       FULL JOIN granted AS g USING (program_id, budget_id),
       LATERAL (VALUES
           ('slices and remainder do not sum to what was approved (minor units)', b.approved_minor,
            coalesce(s.reserved, 0) + b.remainder_minor,
            b.approved_minor IS DISTINCT FROM coalesce(s.reserved, 0) + b.remainder_minor),
           ('more was spent than approved (minor units)', b.approved_minor, s.spent,
            coalesce(s.spent, 0) > coalesce(b.approved_minor, 0)),
           ('grants less what was returned, and given vouchers, cost other than the slices spent (minor units)',
            coalesce(g.cost, 0), coalesce(s.spent, 0), coalesce(g.cost, 0) <> coalesce(s.spent, 0))
       ) AS rules (wrong, expected, found, broken)
 WHERE broken
UNION ALL
SELECT 'a slice spent more than it reserved (minor units)', program_id, NULL,
       'budget ' || budget_id || ', partition ' || partition, reserved_minor::text, spent_minor::text
  FROM earning.audit_budget_slice WHERE spent_minor NOT BETWEEN 0 AND reserved_minor
"""
CHECK = Check(
    4,
    "budgets",
    "consumed ≤ approved, slices and remainder sum to approved, and grants and given vouchers cost exactly what the "
    "slices spent",
    by_sql(LOOKED_AT, DIFFERING),
)
