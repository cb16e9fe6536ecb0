"""The money that counts for tiers, counted anew from receipts and refunds by the versions that judged them.

It follows points.md, not earning's code: net after refunds, less the share paid with points or vouchers and not given
back, less tax where the program says so; without lines that never earn. What is spread goes by largest remainder.
"""

# A refund may give back more of such a tender than the goods it takes had of it, and what counted never rises again:
# then the receipt says what it still counts, and that is less than the basis counted here.
MONEY = """
WITH receipt AS MATERIALIZED (
    SELECT s.*, t.time_zone, t.tax_excluded, t.shipping_earns,
           greatest(points_minor - returned_points_minor, 0) + greatest(voucher_minor - returned_voucher_minor, 0)
           AS unearning
      FROM earning.audit_money_terms AS t
           JOIN earning.audit_spent AS s ON s.program_id = t.program_id AND s.rule_version = t.version
     WHERE NOT s.listed AND s.currency = t.currency
       AND (jsonb_array_length(t.merchants) = 0 OR t.merchants ? s.merchant_id)
       AND (s.outcome = 'granted'
            OR s.code IN ('NO_QUALIFYING_TRANSACTION', 'CAP_REACHED', 'BUDGET_EXHAUSTED', 'LICENCE_MISSING',
                          'LICENCE_EXPIRED', 'LICENCE_SCOPE'))
), line AS MATERIALIZED (
    SELECT l.* FROM receipt JOIN earning.audit_spent_line AS l USING (receipt_key)
), back AS (
    SELECT receipt_key, count(*) AS lines, bool_or(refunded_quantity > 0 OR refunded_net_minor > 0) AS any_of_it,
           bool_and(quantity <= 0 OR refunded_quantity >= quantity OR refunded_net_minor >= net_minor) AS all_of_it
      FROM line GROUP BY 1
), piece AS (
    SELECT receipt_key, place, net_minor::numeric AS bought, (net_minor - refunded_net_minor)::numeric AS net,
           earns AND quantity > 0 AND coalesce(category, '') NOT IN ('points', 'stored_value', 'gift_card')
           AS earns
      FROM line
    UNION ALL
    SELECT receipt_key, b.lines + 1, shipping_minor, shipping_minor,
           shipping_earns AND NOT (b.any_of_it AND b.all_of_it)
      FROM receipt JOIN back AS b USING (receipt_key)
), whole AS (
    SELECT receipt_key, sum(p.bought) AS bought, sum(p.net) AS net, least(r.unearning, sum(p.net)) AS shared,
           CASE WHEN r.tax_excluded THEN least(r.tax_minor, sum(p.bought)) ELSE 0 END AS tax
      FROM piece AS p JOIN receipt AS r USING (receipt_key) GROUP BY 1, r.unearning, r.tax_excluded, r.tax_minor
), floored AS (
    SELECT p.*, w.shared, w.tax, coalesce(div(w.shared * p.net, nullif(w.net, 0)), 0) AS share,
           coalesce(div(w.tax * p.bought, nullif(w.bought, 0)), 0) AS taxed,
           row_number() OVER (PARTITION BY receipt_key
                              ORDER BY mod(w.shared * p.net, nullif(w.net, 0)) DESC, place) AS share_turn,
           row_number() OVER (PARTITION BY receipt_key
                              ORDER BY mod(w.tax * p.bought, nullif(w.bought, 0)) DESC, place) AS tax_turn
      FROM piece AS p JOIN whole AS w USING (receipt_key)
), spread AS (
    SELECT receipt_key, earns, bought,
           net - share - (share_turn <= shared - sum(share) OVER one)::integer AS paid,
           taxed + (tax_turn <= tax - sum(taxed) OVER one)::integer AS tax
      FROM floored WINDOW one AS (PARTITION BY receipt_key)
), counted AS (
    SELECT receipt_key, sum(paid - CASE WHEN bought > 0 THEN div(tax * paid + bought - 1, bought) ELSE 0 END)
                        FILTER (WHERE earns) AS minor
      FROM spread GROUP BY 1
), expected AS (
    SELECT r.program_id, r.member_id, (r.event_time AT TIME ZONE r.time_zone)::date AS day,
           sum(coalesce(r.counted_minor, c.minor, 0)) AS minor
      FROM receipt AS r JOIN counted AS c USING (receipt_key) GROUP BY 1, 2, 3
)
SELECT 'receipt counts more for the tier than its basis, or less with no such tender back' AS wrong, r.program_id,
       r.member_id, 'receipt ' || r.receipt_key AS subject,
       concat_ws(' to ', '0', coalesce(c.minor, 0)) AS expected, r.counted_minor::text AS found
  FROM receipt AS r JOIN counted AS c USING (receipt_key)
 WHERE r.counted_minor IS NOT NULL
   AND (r.counted_minor >= coalesce(c.minor, 0) OR r.returned_points_minor + r.returned_voucher_minor = 0)
UNION ALL
SELECT 'money that counts for the tier differs from that of the receipts',
       coalesce(p.program_id, e.program_id), coalesce(p.member_id, e.member_id), 'day ' || coalesce(p.day, e.day),
       coalesce(e.minor, 0)::text, coalesce(p.money_minor, 0)::text
  FROM earning.audit_tier_progress AS p FULL JOIN expected AS e USING (program_id, member_id, day)
 WHERE coalesce(p.money_minor, 0) <> coalesce(e.minor, 0)
"""
