-- Debits that two operators agreed on: spendable points are forfeited, and what the balance lacks is a deficit if they
-- said that it may be one; else the debit is refused as a whole.

CREATE TABLE debit (
    debit_id      uuid        PRIMARY KEY, -- the id of its points.corrected
    correction_id text        NOT NULL,
    program_id    text        NOT NULL,
    member_id     text        NOT NULL,
    asked         bigint      NOT NULL CHECK (asked > 0),
    taken         bigint      NOT NULL CHECK (taken >= 0), -- forfeited out of lots
    short         bigint      NOT NULL CHECK (short >= 0), -- forfeited without a lot: owed by the member
    code          text,                                    -- why nothing was taken
    debited_at    timestamptz NOT NULL,
    UNIQUE (program_id, correction_id),
    CONSTRAINT whole_or_refused CHECK (taken + short = CASE WHEN code IS NULL THEN asked ELSE 0 END)
);
CREATE INDEX debit_of_member ON debit (program_id, member_id, debited_at);

-- What claw-backs recalled and debits were short of is in the lots, owed, or waived.
CREATE OR REPLACE FUNCTION check_claw_backs_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE strayed bigint;
BEGIN
    SELECT w.deficit + w.waived - coalesce(sum(l.recalled - l.clawed_back - l.set_off), 0)
           - (SELECT coalesce(sum(d.short), 0) FROM debit d
               WHERE d.program_id = w.program_id AND d.member_id = w.member_id) INTO strayed
        FROM wallet w LEFT JOIN lot l USING (program_id, member_id)
        WHERE w.program_id = NEW.program_id AND w.member_id = NEW.member_id
        GROUP BY w.program_id, w.member_id;
    IF strayed IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'claw-backs and debits of one wallet are not settled: off by % points', strayed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claw_backs_settled';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER debits_settled AFTER INSERT OR UPDATE ON debit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_claw_backs_settled();

CREATE VIEW audit_debit AS
    SELECT debit_id, correction_id, program_id, member_id, asked, taken, short, code, debited_at FROM debit;
