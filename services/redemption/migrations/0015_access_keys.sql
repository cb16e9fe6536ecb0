-- Access keys beside the operator's token: a till's is bound to one merchant of one program, a member's to one member.
CREATE TABLE access_key (
    key_id              text        PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),
    secret_hash         bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    kind                text        NOT NULL CHECK (kind IN ('till', 'member')),
    program_id          text        NOT NULL,
    merchant_id         text,
    member_id           text,
    requests_per_second integer     NOT NULL CHECK (requests_per_second > 0),
    issued_by           text        NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    revoked_at          timestamptz, -- null: active
    CONSTRAINT bound_to_one CHECK (
        (kind = 'till') = (merchant_id IS NOT NULL) AND (kind = 'member') = (member_id IS NOT NULL))
);
CREATE INDEX access_key_of_program ON access_key (program_id, created_at);

-- A key is never bound anew: only its revocation may be written, once.
CREATE FUNCTION refuse_rebinding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL
       OR to_jsonb(NEW) - 'revoked_at' IS DISTINCT FROM to_jsonb(OLD) - 'revoked_at' THEN
        RAISE EXCEPTION 'an access key is revoked once, and never changed or deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER access_key_bound_for_ever BEFORE UPDATE OR DELETE ON access_key
    FOR EACH ROW EXECUTE FUNCTION refuse_rebinding();

CREATE VIEW audit_access_key AS
    SELECT key_id, kind, program_id, merchant_id, member_id, requests_per_second, issued_by, created_at, revoked_at
    FROM access_key;
