-- The rows every grant writes, as a batch's save sends them (see the runtime's 0002_rows.sql).
CREATE TYPE lot_row AS (
    lot_id uuid, grant_id uuid, program_id text, member_id text, class text, points bigint, remaining bigint,
    reserved bigint, redeemed bigint, clawed_back bigint, set_off bigint, expired bigint, forfeited bigint,
    recalled bigint, posted_state text, available_at bigint, expires_at bigint, granted_at bigint,
    expected_cost_minor bigint, currency text, budget_id text, rule_version integer, granted_event_id text,
    correlation_id text, causation_id text, source_type text, source_id text, merchant_id text, receipt_id text,
    other_member_id text
);
CREATE TYPE journal_row AS (
    program_id text, member_id text, lot_id uuid, grant_id uuid, from_account text, to_account text, points bigint,
    cause_type text, cause_key uuid, cause_id text, business_time bigint
);
