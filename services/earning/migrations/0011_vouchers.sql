-- The voucher that an invitee got with the first order: what was asked of redemption, at whose cost.
ALTER TABLE referral
    ADD COLUMN voucher_request_id uuid UNIQUE,
    ADD COLUMN voucher_id         text,   -- of the pack that judged the order
    ADD COLUMN voucher_budget_id  text,
    ADD COLUMN voucher_cost_minor bigint CHECK (voucher_cost_minor > 0),
    ADD COLUMN voucher_recall_id  uuid,   -- its voucher.recalled; the cost stays drawn
    ADD CONSTRAINT a_voucher_has_its_cost
        CHECK (num_nulls(voucher_request_id, voucher_id, voucher_budget_id, voucher_cost_minor) IN (0, 4)),
    ADD CONSTRAINT vouchers_follow_the_referral CHECK (
        (voucher_request_id IS NULL OR state IN ('qualified', 'reversed'))
        AND (voucher_recall_id IS NOT NULL) = (voucher_request_id IS NOT NULL AND state = 'reversed'));
ALTER TYPE referral_row
    ADD ATTRIBUTE voucher_request_id uuid,
    ADD ATTRIBUTE voucher_id text,
    ADD ATTRIBUTE voucher_budget_id text,
    ADD ATTRIBUTE voucher_cost_minor bigint,
    ADD ATTRIBUTE voucher_recall_id uuid;
CREATE OR REPLACE VIEW audit_referral AS
    SELECT referral_key, program_id, invitee_id, inviter_id, event_key, receipt_key, state, qualified_id, reversed_id,
           voucher_request_id, voucher_id, voucher_budget_id, voucher_cost_minor, voucher_recall_id
      FROM referral;
