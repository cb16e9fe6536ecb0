-- Corrections may be debits: told to redemption, which alone knows what the member can spend.
ALTER TABLE correction
    ADD COLUMN may_leave_deficit boolean NOT NULL DEFAULT false,
    ADD COLUMN debit_id uuid, -- of the points.corrected that tells redemption, once a debit is approved
    DROP CONSTRAINT correction_points_check,
    ADD CONSTRAINT correction_points_check CHECK (points <> 0), -- below 0: a debit
    ADD CONSTRAINT only_a_debit_leaves_a_deficit CHECK (points < 0 OR NOT may_leave_deficit),
    ADD CONSTRAINT an_approved_debit_has_its_id CHECK ((debit_id IS NOT NULL) = (state = 'approved' AND points < 0));

ALTER TABLE occasion
    DROP CONSTRAINT occasion_outcome_check,
    ADD CONSTRAINT occasion_outcome_check CHECK (outcome IN ('waiting', 'granted', 'declined', 'debited')),
    DROP CONSTRAINT only_sign_ups_wait,
    ADD CONSTRAINT only_sign_ups_wait CHECK (
        outcome = 'granted' OR kind = 'sign_up' OR (outcome = 'debited' AND kind = 'correction'));

ALTER TABLE decision DROP CONSTRAINT decision_outcome_check, ADD CONSTRAINT decision_outcome_check CHECK (outcome IN (
    'registered', 'granted', 'declined', 'clawed_back', 'nothing_to_take', 'open_claim', 'partly_open_claim',
    'scheduled', 'nothing_to_schedule', 'linked', 'updated', 'debited'));

CREATE OR REPLACE VIEW audit_correction AS
    SELECT program_id, correction_id, member_id, points, budget_id, requested_by, state, decided_by, event_id,
           event_key, may_leave_deficit, debit_id
      FROM correction;
