-- What fraud monitoring keeps: signals, the cases they open, the holds of a case, and what people decided.
-- Every id follows from rule, key, period and member, so that whoever finds the same thing again writes nothing.

CREATE TABLE fraud_case (
    case_id        uuid        PRIMARY KEY,
    rule           text        NOT NULL,
    program_id     text        NOT NULL,
    subject_key    text        NOT NULL,           -- member or device, as the signal names it
    member_id      text        NOT NULL,           -- whose event reached the threshold first
    window_start   timestamptz NOT NULL,
    window_end     timestamptz NOT NULL,
    value          bigint      NOT NULL,           -- the highest seen
    threshold      bigint      NOT NULL,
    correlation_id text        NOT NULL,
    opened_at      timestamptz NOT NULL,           -- when the event that opened it arrived
    deadline       timestamptz NOT NULL,
    state          text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'escalated', 'released', 'confirmed')),
    decided_by     text,
    note           text,
    decided_at     timestamptz,
    escalated_at   timestamptz,
    CONSTRAINT only_a_person_decides CHECK (
        (state IN ('released', 'confirmed')) = (decided_by IS NOT NULL AND note IS NOT NULL AND decided_at IS NOT NULL))
);
CREATE INDEX fraud_case_queue ON fraud_case (state, deadline, case_id);
CREATE INDEX fraud_case_due ON fraud_case (deadline) WHERE state = 'open';
CREATE INDEX fraud_case_story ON fraud_case (correlation_id);

CREATE TABLE signal (
    signal_id      uuid        PRIMARY KEY,
    case_id        uuid        NOT NULL REFERENCES fraud_case,
    rule           text        NOT NULL,
    program_id     text        NOT NULL,
    member_id      text        NOT NULL,
    subject_key    text        NOT NULL,
    window_start   timestamptz NOT NULL,
    window_end     timestamptz NOT NULL,
    value          bigint      NOT NULL,
    threshold      bigint      NOT NULL,
    event_keys     text[]      NOT NULL,
    causation_id   text        NOT NULL,
    correlation_id text        NOT NULL,
    raised_at      timestamptz NOT NULL,           -- business time
    CHECK (value >= threshold)
);
CREATE INDEX signal_case ON signal (case_id);

CREATE TABLE hold (
    hold_id          uuid        PRIMARY KEY,
    case_id          uuid        NOT NULL REFERENCES fraud_case,
    signal_id        uuid        NOT NULL REFERENCES signal,
    program_id       text        NOT NULL,
    member_id        text        NOT NULL,
    scope            text        NOT NULL CHECK (scope IN ('member', 'grants')),
    grant_ids        text[]      NOT NULL,
    points           bigint,                       -- null = all of them
    reason           text        NOT NULL,
    deadline         timestamptz NOT NULL,
    causation_id     text        NOT NULL,
    correlation_id   text        NOT NULL,
    placed_at        timestamptz NOT NULL,         -- business time
    placed_event_id  uuid        NOT NULL UNIQUE,
    held_points      bigint,                       -- what redemption said it holds
    held_at          timestamptz,
    state            text        NOT NULL DEFAULT 'placed' CHECK (state IN ('placed', 'released', 'confirmed')),
    decided_by       text,
    note             text,
    decided_at       timestamptz,
    decided_event_id uuid UNIQUE,
    confirmed_points bigint CHECK (confirmed_points >= 0),
    CONSTRAINT scope_names_its_grants CHECK ((scope = 'grants') = (cardinality(grant_ids) > 0)),
    CONSTRAINT only_a_person_decides CHECK (
        (state = 'placed') = (decided_by IS NULL)
        AND (decided_by IS NULL) = (note IS NULL)
        AND (decided_by IS NULL) = (decided_at IS NULL)
        AND (decided_by IS NULL) = (decided_event_id IS NULL)),
    CONSTRAINT confirmed_names_points CHECK ((state = 'confirmed') = (confirmed_points IS NOT NULL))
);
CREATE INDEX hold_case ON hold (case_id);
CREATE INDEX hold_member ON hold (program_id, member_id);

-- Every decision ever taken, escalations by a person included: the labels that a rule's precision is counted from.
CREATE TABLE decision (
    decision_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id     uuid        NOT NULL REFERENCES fraud_case,
    verdict     text        NOT NULL CHECK (verdict IN ('release', 'confirm', 'escalate')),
    hold_ids    uuid[]      NOT NULL,
    points      bigint,
    person      text        NOT NULL,
    note        text        NOT NULL,
    decided_at  timestamptz NOT NULL
);
CREATE INDEX decision_case ON decision (case_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER signal_is_append_only BEFORE UPDATE OR DELETE ON signal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_is_append_only BEFORE UPDATE OR DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A member found after the case was decided is a question that nobody has answered yet.
CREATE FUNCTION case_opens_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE fraud_case c
       SET state = 'open', decided_by = NULL, note = NULL, decided_at = NULL,
           deadline = greatest(c.deadline, p.deadline)
      FROM (SELECT case_id, max(deadline) AS deadline FROM placed GROUP BY case_id) AS p
     WHERE c.case_id = p.case_id AND c.state IN ('released', 'confirmed');
    RETURN NULL;
END $$;
CREATE TRIGGER hold_opens_its_case AFTER INSERT ON hold
    REFERENCING NEW TABLE AS placed FOR EACH STATEMENT EXECUTE FUNCTION case_opens_again();

CREATE VIEW audit_signal AS
    SELECT signal_id, program_id, member_id, rule, signal_id AS event_id, case_id::text AS case_id FROM signal;
CREATE VIEW audit_case AS
    SELECT case_id::text AS case_id, program_id, member_id, state, deadline, decided_by, note FROM fraud_case;
CREATE VIEW audit_hold AS
    SELECT hold_id::text AS hold_id, program_id, member_id, case_id::text AS case_id, signal_id, scope, grant_ids, points,
           placed_event_id, decided_event_id, state, decided_by, note, confirmed_points
      FROM hold;
CREATE VIEW audit_decision AS
    SELECT decision_id, case_id::text AS case_id, verdict, hold_ids, points, person, note, decided_at FROM decision;
