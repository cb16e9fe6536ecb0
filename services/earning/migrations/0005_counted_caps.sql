-- Caps over more than one award: what each member has used of them, and what all members together have (points.md).

-- `period`: the business day (2026-11-22), its month (2026-11), or lifetime. Written by the owner of the member's
-- partition. What a refund gives back is taken off again, never more than was used.
CREATE TABLE member_counter (
    program_id text   NOT NULL,
    member_id  text   NOT NULL,
    period     text   NOT NULL,
    rule_id    text   NOT NULL,
    used       bigint NOT NULL CHECK (used >= 0), -- points
    PRIMARY KEY (program_id, member_id, period, rule_id)
);

-- A campaign's cap is shared by all members, so slices of it are reserved per partition, as of a budget.
CREATE TABLE campaign_cap (
    program_id text   NOT NULL,
    rule_id    text   NOT NULL,
    points     bigint NOT NULL CHECK (points > 0),
    remainder  bigint NOT NULL CHECK (remainder BETWEEN 0 AND points),
    PRIMARY KEY (program_id, rule_id)
);
CREATE TABLE campaign_slice (
    program_id text    NOT NULL,
    rule_id    text    NOT NULL,
    partition  integer NOT NULL,
    reserved   bigint  NOT NULL DEFAULT 0,
    used       bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (partition, program_id, rule_id),
    FOREIGN KEY (program_id, rule_id) REFERENCES campaign_cap,
    CONSTRAINT used_at_most_reserved CHECK (used BETWEEN 0 AND reserved)
);
CREATE INDEX campaign_slice_of_cap ON campaign_slice (program_id, rule_id);

-- Σ slices + remainder = the cap, at every commit.
CREATE FUNCTION slices_fit_cap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT c.program_id || '/' || c.rule_id INTO wrong
      FROM campaign_cap c
     WHERE c.program_id = NEW.program_id AND c.rule_id = NEW.rule_id
       AND c.points <> c.remainder
           + (SELECT coalesce(sum(s.reserved), 0) FROM campaign_slice s
               WHERE s.program_id = c.program_id AND s.rule_id = c.rule_id);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'campaign cap %: slices and remainder do not sum to it', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slices_fit_cap AFTER INSERT OR UPDATE ON campaign_cap
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slices_fit_cap();
CREATE CONSTRAINT TRIGGER slices_fit_cap AFTER INSERT OR UPDATE OF reserved ON campaign_slice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slices_fit_cap();

-- What a receipt's grants use of counted caps now: [[rule, period, points]]; the period of a campaign is `campaign`.
ALTER TABLE receipt ADD COLUMN cap_uses json;
ALTER TYPE receipt_row ADD ATTRIBUTE cap_uses text;

CREATE VIEW audit_member_counter AS SELECT * FROM member_counter;
CREATE VIEW audit_campaign_cap AS SELECT * FROM campaign_cap;
CREATE VIEW audit_campaign_slice AS SELECT * FROM campaign_slice;
CREATE VIEW audit_cap_use AS
    SELECT r.receipt_key, r.program_id, r.member_id, u.use ->> 0 AS rule_id, u.use ->> 1 AS period,
           (u.use ->> 2)::bigint AS points
      FROM receipt AS r, json_array_elements(r.cap_uses) AS u (use);
