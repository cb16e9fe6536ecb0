-- A new lot travels with its first journal row: most of that row's columns are the lot's own. `moved` is null while no
-- point has moved, else reserved, redeemed, clawed_back, set_off, expired, forfeited, recalled, held.
CREATE TYPE opened_lot_row AS (
    place integer, opened_as text, cause_key uuid, lot_id uuid, grant_id uuid, program_id text, member_id text,
    class text, points bigint, remaining bigint, moved bigint[], posted_state text, available_at bigint,
    expires_at bigint, granted_at bigint, expected_cost_minor bigint, currency text, budget_id text,
    rule_version integer, granted_event_id text, correlation_id text, causation_id text, source_type text,
    source_id text, merchant_id text, receipt_id text, other_member_id text
);
-- Every other posting; `place` is its turn among all rows of the save.
CREATE TYPE posting_row AS (
    place integer, program_id text, member_id text, lot_id uuid, grant_id uuid, from_account text, to_account text,
    points bigint, cause_type text, cause_key uuid, cause_id text, business_time bigint
);
DROP TYPE lot_row;
DROP TYPE journal_row;
