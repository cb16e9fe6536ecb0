-- The rows every purchase writes, as a batch's save sends them (see the runtime's 0002_rows.sql).
CREATE TYPE receipt_row AS (
    receipt_key uuid, program_id text, merchant_id text, receipt_id text, member_id text, event_key uuid,
    event_source text, event_id text, event_time bigint, outcome text, code text, rule_version integer, facts text,
    purchase text, returned_points_minor bigint, returned_voucher_minor bigint
);
CREATE TYPE line_row AS (
    receipt_key uuid, line_id text, position integer, program_id text, member_id text, sku text, event_time bigint,
    quantity integer, net_minor bigint, refunded_quantity integer, refunded_net_minor bigint
);
CREATE TYPE decision_row AS (
    event_key uuid, program_id text, member_id text, event_type text, event_source text, event_id text,
    event_time bigint, arrival bigint, outcome text, code text, would_have_earned bigint, receipt_key uuid,
    correlation_id text
);
CREATE TYPE grant_row AS (
    grant_id uuid, event_key uuid, receipt_key uuid, program_id text, member_id text, class text, budget_id text,
    points bigint, clawed_back bigint, cost_minor bigint, cost_returned_minor bigint, lines text,
    rule_version integer, event_time bigint, available_at bigint, expires_at bigint, correlation_id text
);
