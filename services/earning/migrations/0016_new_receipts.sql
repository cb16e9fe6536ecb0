-- A new receipt as a batch's save sends it, with all that its purchase wrote beside: the decision, and the first grant if
-- there is one. What they have in common travels once; further grants travel as grant_row. Of a receipt that a refund
-- came to first there is no purchase: event_key and what follows from it are null.
CREATE TYPE new_receipt_row AS (
    receipt_key uuid, program_id text, merchant_id text, receipt_id text, member_id text, event_key uuid,
    event_source text, event_id text, event_time bigint, outcome text, code text, rule_version integer, facts text,
    purchase text, returned_points_minor bigint, returned_voucher_minor bigint, cap_uses text,
    arrival bigint, would_have_earned bigint, -- the decision's own
    grant_id uuid, class text, budget_id text, points bigint, clawed_back bigint, cost_minor bigint,
    cost_returned_minor bigint, grant_lines text, available_at bigint, expires_at bigint
);
