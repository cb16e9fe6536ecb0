-- What refunds gave back of the points that had paid their receipts, as told to redemption: one row per
-- points.tender_refunded. `amount_minor` is cumulative, of that authorization alone.
CREATE TABLE tender_refund (
    tender_refund_id uuid   PRIMARY KEY, -- the event's id
    event_key        uuid   NOT NULL,    -- the refund
    receipt_key      uuid   NOT NULL,
    program_id       text   NOT NULL,
    member_id        text   NOT NULL,
    authorization_id text   NOT NULL,
    refund_id        text   NOT NULL,
    amount_minor     bigint NOT NULL CHECK (amount_minor > 0)
);
CREATE INDEX tender_refund_of_receipt ON tender_refund (receipt_key);
CREATE VIEW audit_tender_refund AS
    SELECT tender_refund_id, event_key, receipt_key, program_id, member_id, authorization_id, refund_id, amount_minor
      FROM tender_refund;
-- What paid a receipt with points, authorization by authorization, and what of it refunds gave back.
CREATE VIEW audit_points_tender AS
    SELECT r.receipt_key, r.program_id, r.member_id, r.returned_points_minor,
           t.tender->>'authorization_id' AS authorization_id, (t.tender->>'amount_minor')::bigint AS amount_minor,
           t.place
      FROM receipt r, LATERAL json_array_elements(r.purchase::json->'tenders') WITH ORDINALITY AS t (tender, place)
     WHERE t.tender->>'kind' = 'points' AND r.returned_points_minor > 0;
