-- What the console owns: operators, their sessions, and what they did.

CREATE TABLE operator (
    operator_id         uuid PRIMARY KEY,
    name                text        NOT NULL CHECK (name = lower(name) AND name ~ '^[a-z0-9][a-z0-9._-]{1,39}$'),
    password_hash       text        NOT NULL, -- argon2id, with its own salt and cost
    role                text        NOT NULL CHECK (role IN ('viewer', 'operator', 'reviewer', 'compliance', 'admin')),
    must_change         boolean     NOT NULL, -- the password was made by somebody else
    created_at          timestamptz NOT NULL DEFAULT now(),
    created_by          text        NOT NULL,
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    disabled_at         timestamptz           -- null: may sign in
);

CREATE UNIQUE INDEX operator_name ON operator (name);

-- The cookie's token is not kept, only its hash: who reads this table cannot use a session.
CREATE TABLE session (
    session_hash bytea PRIMARY KEY CHECK (octet_length(session_hash) = 32),
    operator_id  uuid        NOT NULL REFERENCES operator,
    csrf         text        NOT NULL,
    address      text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX session_of_operator ON session (operator_id);
CREATE INDEX session_last_seen ON session (last_seen_at);

-- Counted before a password is tried, so that parallel guesses count too; a success forgets its own.
CREATE TABLE sign_in_attempt (
    name         text        NOT NULL,
    address      text        NOT NULL,
    attempted_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX sign_in_attempt_name ON sign_in_attempt (name, attempted_at);
CREATE INDEX sign_in_attempt_address ON sign_in_attempt (address, attempted_at);
CREATE INDEX sign_in_attempt_at ON sign_in_attempt (attempted_at);

-- What operators did. An action is told when it begins and again when it ends, under one request_id: one that never
-- ended was cut off.
CREATE TABLE operator_action (
    action_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  uuid        NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    operator    text        NOT NULL, -- a name as typed when signing in failed
    role        text        NOT NULL, -- empty before sign-in
    action      text        NOT NULL,
    subject     text        NOT NULL, -- what it was done to: a dead letter, an operator …
    detail      jsonb       NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('started', 'done', 'refused', 'failed')),
    address     text        NOT NULL
);

CREATE INDEX operator_action_occurred ON operator_action (occurred_at);
CREATE INDEX operator_action_operator ON operator_action (operator, action_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER operator_action_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW audit_operator AS
    SELECT operator_id, name, role, must_change, created_at, created_by, password_changed_at, disabled_at FROM operator;

CREATE VIEW audit_operator_action AS SELECT * FROM operator_action;
