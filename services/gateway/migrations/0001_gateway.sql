-- What the gateway owns: API keys, and the requests it refused because of a red line.

CREATE TABLE api_key (
    key_id            text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),
    secret_hash       bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    program_id        text        NOT NULL,
    merchant_id       text, -- null: a key of the whole program, for member events only
    terminal_id       text, -- null: any terminal of the merchant
    events_per_second integer     NOT NULL CHECK (events_per_second > 0),
    created_at        timestamptz NOT NULL DEFAULT now(),
    revoked_at        timestamptz, -- null: active
    CHECK (merchant_id IS NOT NULL OR terminal_id IS NULL)
);

CREATE INDEX api_key_created ON api_key (created_at, key_id);

-- One row per request to a path that must not exist (C07, C08, C13, C14).
CREATE TABLE prohibited_request (
    request_id  uuid PRIMARY KEY,
    code        text        NOT NULL,
    control     text        NOT NULL,
    method      text        NOT NULL,
    path        text        NOT NULL, -- without its query, at most 200 characters
    key_id      text,                 -- the API key, when the request carried a valid one
    occurred_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX prohibited_request_occurred ON prohibited_request (occurred_at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER prohibited_request_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON prohibited_request
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW audit_api_key AS
    SELECT key_id, program_id, merchant_id, terminal_id, events_per_second, created_at, revoked_at FROM api_key;

CREATE VIEW audit_prohibited_request AS SELECT * FROM prohibited_request;
