-- Balances that operators correct: asked by one person, decided by another, told to earning itself by one event.
CREATE TABLE correction (
    program_id    text        NOT NULL,
    correction_id text        NOT NULL,
    member_id     text        NOT NULL,
    points        bigint      NOT NULL CHECK (points > 0),
    budget_id     text        NOT NULL,
    reason        text        NOT NULL,
    evidence      text        NOT NULL, -- where it is kept (C09)
    requested_by  text        NOT NULL,
    requested_at  timestamptz NOT NULL,
    state         text        NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'approved', 'refused')),
    decided_by    text,
    note          text,
    decided_at    timestamptz,
    event_id      uuid,                 -- its correction.requested, once approved
    event_key     uuid,
    PRIMARY KEY (program_id, correction_id),
    CONSTRAINT decided_by_somebody CHECK (
        (state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT approved_by_a_second_person CHECK (state <> 'approved' OR decided_by <> requested_by),
    CONSTRAINT told_once_approved CHECK (
        (state = 'approved') = (event_key IS NOT NULL) AND (event_key IS NULL) = (event_id IS NULL))
);
CREATE INDEX correction_waiting ON correction (program_id, requested_at) WHERE state = 'requested';

-- Who did what, and when: written once.
CREATE TABLE correction_step (
    step_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id    text        NOT NULL,
    correction_id text        NOT NULL,
    step          text        NOT NULL CHECK (step IN ('requested', 'approved', 'refused')),
    person        text        NOT NULL,
    note          text        NOT NULL,
    taken_at      timestamptz NOT NULL,
    FOREIGN KEY (program_id, correction_id) REFERENCES correction
);
CREATE INDEX correction_step_of ON correction_step (program_id, correction_id);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER correction_step_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON correction_step
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What earning granted for one is an occasion like the others.
ALTER TABLE occasion DROP CONSTRAINT occasion_kind_check,
    ADD CONSTRAINT occasion_kind_check CHECK (kind IN ('sign_up', 'birthday', 'activity', 'correction'));

CREATE VIEW audit_correction AS
    SELECT program_id, correction_id, member_id, points, budget_id, requested_by, state, decided_by, event_id,
           event_key
      FROM correction;
CREATE VIEW audit_correction_step AS SELECT * FROM correction_step;
