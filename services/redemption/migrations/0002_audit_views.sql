-- What the audit role may read of the wallets; the runtime grants every audit_* view.

CREATE VIEW audit_wallet AS SELECT program_id, member_id, deficit, waived FROM wallet;
CREATE VIEW audit_lot AS
    SELECT lot_id, grant_id, program_id, member_id, class, points, remaining, reserved, redeemed, clawed_back, set_off,
           expired, forfeited, recalled, posted_state, lot_state(lot, service_now()) AS state, available_at, expires_at,
           last_notice_at, granted_at, expected_cost_minor, currency, budget_id, rule_version, granted_event_id,
           correlation_id, causation_id, source_type, source_id, merchant_id, receipt_id, other_member_id
    FROM lot;
CREATE VIEW audit_journal AS
    SELECT entry_id, program_id, member_id, lot_id, grant_id, from_account::text, to_account::text, points, cause_type,
           cause_key, cause_id, business_time, posted_at, row_hash,
           row_hash = journal_hash(program_id, member_id, lot_id, grant_id, from_account, to_account, points,
                                   cause_type, cause_key, cause_id, business_time, posted_at) AS hash_holds
    FROM journal;
CREATE VIEW audit_redemption AS
    SELECT redemption_id, program_id, member_id, points, idempotency_key, body_hash, requested_at, available_before
    FROM redemption;
CREATE VIEW audit_allocation AS SELECT redemption_id, lot_id, points FROM allocation;
CREATE VIEW audit_claw_back AS
    SELECT claw_back_id, grant_id, program_id, member_id, refund_id, policy, points, taken, set_off, already_gone,
           deficit, waived, clawed_at
    FROM claw_back;
CREATE VIEW audit_refusal AS
    SELECT refusal_id, program_id, member_id, code, points, available, requested_at FROM refusal;
