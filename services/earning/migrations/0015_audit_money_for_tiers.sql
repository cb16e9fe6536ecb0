-- What the audit has to know to count anew the money that counts for tiers: the terms of versions whose tiers go by money,
-- and of receipts under a version the amounts alone.
CREATE VIEW audit_money_terms AS
    SELECT program_id, version, pack ->> 'time_zone' AS time_zone, pack ->> 'currency' AS currency,
           coalesce(pack -> 'merchants', '[]')::jsonb AS merchants,
           coalesce(pack -> 'basis' ->> 'tax', 'included') = 'excluded' AS tax_excluded,
           coalesce((pack -> 'basis' ->> 'shipping_earns')::boolean, false) AS shipping_earns
      FROM program_version
     WHERE pack -> 'tiers' ->> 'qualify_by' = 'money';
CREATE VIEW audit_spent AS
    SELECT receipt_key, program_id, merchant_id, member_id, event_time, outcome, code, rule_version,
           coalesce(facts ->> 'listed' IN ('1', 'true'), false) AS listed, purchase ->> 'currency' AS currency,
           coalesce((purchase ->> 'shipping_minor')::bigint, 0) AS shipping_minor,
           coalesce((purchase ->> 'tax_minor')::bigint, 0) AS tax_minor,
           returned_points_minor, returned_voucher_minor, paid.points_minor, paid.voucher_minor
      FROM receipt,
           LATERAL (SELECT coalesce(sum((t ->> 'amount_minor')::bigint) FILTER (WHERE t ->> 'kind' = 'points'), 0)::bigint
                           AS points_minor,
                           coalesce(sum((t ->> 'amount_minor')::bigint) FILTER (WHERE t ->> 'kind' = 'voucher'), 0)::bigint
                           AS voucher_minor
                      FROM json_array_elements(purchase -> 'tenders') AS t) AS paid
     WHERE purchase IS NOT NULL AND member_id IS NOT NULL AND rule_version IS NOT NULL;
CREATE VIEW audit_spent_line AS
    SELECT r.receipt_key, l.place, b.quantity, b.net_minor, b.refunded_quantity, b.refunded_net_minor,
           coalesce((l.line ->> 'earns')::boolean, true) AS earns, l.line ->> 'category' AS category
      FROM receipt AS r, json_array_elements(r.purchase -> 'lines') WITH ORDINALITY AS l (line, place),
           LATERAL (SELECT quantity, net_minor, refunded_quantity, refunded_net_minor FROM receipt_line
                     WHERE receipt_key = r.receipt_key AND line_id = l.line ->> 'line_id' OFFSET 0) AS b
     WHERE r.purchase IS NOT NULL;
