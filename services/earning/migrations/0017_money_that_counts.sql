-- What a receipt still counts for a tier by money, where that is less than its basis; null = its basis. A refund can give
-- back more of a points or voucher tender than the goods it takes had of it: the basis of what remains rises, and what
-- counts does not, for a refund earns nothing.
ALTER TABLE receipt ADD COLUMN counted_minor bigint CHECK (counted_minor >= 0);
ALTER TYPE receipt_row ADD ATTRIBUTE counted_minor bigint;
ALTER TYPE new_receipt_row ADD ATTRIBUTE counted_minor bigint;

CREATE OR REPLACE VIEW audit_spent AS
    SELECT receipt_key, program_id, merchant_id, member_id, event_time, outcome, code, rule_version,
           coalesce(facts ->> 'listed' IN ('1', 'true'), false) AS listed, purchase ->> 'currency' AS currency,
           coalesce((purchase ->> 'shipping_minor')::bigint, 0) AS shipping_minor,
           coalesce((purchase ->> 'tax_minor')::bigint, 0) AS tax_minor,
           returned_points_minor, returned_voucher_minor, paid.points_minor, paid.voucher_minor, counted_minor
      FROM receipt,
           LATERAL (SELECT coalesce(sum((t ->> 'amount_minor')::bigint) FILTER (WHERE t ->> 'kind' = 'points'), 0)::bigint
                           AS points_minor,
                           coalesce(sum((t ->> 'amount_minor')::bigint) FILTER (WHERE t ->> 'kind' = 'voucher'), 0)::bigint
                           AS voucher_minor
                      FROM json_array_elements(purchase -> 'tenders') AS t) AS paid
     WHERE purchase IS NOT NULL AND member_id IS NOT NULL AND rule_version IS NOT NULL;
