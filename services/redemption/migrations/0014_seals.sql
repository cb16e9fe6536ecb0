-- Journal rows sealed in blocks (C29): who changes, removes or inserts a row afterwards is found, and the row is named.

-- Almost free for writers: the journal grows at its end, so a range of entry ids is a range of pages.
CREATE INDEX journal_sealing ON journal USING brin (entry_id) WITH (pages_per_range = 16);

-- Up to here every row of every program is sealed; it only rises.
CREATE TABLE seal_horizon (
    only_one    boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    up_to_entry bigint      NOT NULL CHECK (up_to_entry >= 0),
    sealed_at   timestamptz NOT NULL
);
INSERT INTO seal_horizon (up_to_entry, sealed_at) VALUES (0, '2000-01-01+00');

CREATE FUNCTION refuse_falling_horizon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NEW.up_to_entry < OLD.up_to_entry THEN
        RAISE EXCEPTION 'what was sealed stays sealed: % of the horizon is refused', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER horizon_only_rises BEFORE INSERT OR UPDATE OR DELETE ON seal_horizon
    FOR EACH ROW EXECUTE FUNCTION refuse_falling_horizon();

-- The hash of a block: its fields as UTF-8 text joined by U+001F, written as journal_hash() writes them.
CREATE FUNCTION block_hash(
    program_id text, block_no integer, after_entry bigint, up_to_entry bigint, rows integer, sealed_at timestamptz,
    root bytea, previous_hash bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(decode(replace(
    program_id || E'\x1f' || block_no::text || E'\x1f' || after_entry::text || E'\x1f' || up_to_entry::text || E'\x1f'
    || rows::text || E'\x1f' || encode(timestamptz_send(sealed_at), 'hex') || E'\x1f' || encode(root, 'hex') || E'\x1f'
    || encode(previous_hash, 'hex'), '\', '\\'), 'escape'));

-- A program's blocks follow one another without a gap: each takes all its rows with after_entry < entry_id <= up_to_entry.
CREATE TABLE journal_block (
    program_id    text        NOT NULL,
    block_no      integer     NOT NULL CHECK (block_no > 0),
    after_entry   bigint      NOT NULL CHECK (after_entry >= 0),
    up_to_entry   bigint      NOT NULL,
    rows          integer     NOT NULL CHECK (rows > 0),
    entries       bytea       NOT NULL, -- per row, in order: entry_id in 8 bytes, row_hash in 32
    root          bytea       NOT NULL CHECK (octet_length(root) = 32), -- of the Merkle tree over the entries (RFC 9162)
    previous_hash bytea       NOT NULL CHECK (octet_length(previous_hash) = 32), -- zeros for a program's first block
    block_hash    bytea       NOT NULL,
    sealed_at     timestamptz NOT NULL,
    PRIMARY KEY (program_id, block_no),
    CONSTRAINT block_of_range UNIQUE (program_id, up_to_entry),
    CHECK (after_entry < up_to_entry),
    CHECK (octet_length(entries) = 40 * rows),
    CHECK (block_hash = block_hash(program_id, block_no, after_entry, up_to_entry, rows, sealed_at, root,
                                   previous_hash))
);
ALTER TABLE journal_block ALTER COLUMN entries SET STORAGE EXTERNAL; -- hashes do not compress

CREATE FUNCTION check_block_chained() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.block_no = 1 THEN
        IF NEW.after_entry = 0 AND NEW.previous_hash = decode(repeat('00', 32), 'hex') THEN RETURN NEW; END IF;
    ELSIF EXISTS (SELECT FROM journal_block
                   WHERE program_id = NEW.program_id AND block_no = NEW.block_no - 1
                     AND block_hash = NEW.previous_hash AND up_to_entry = NEW.after_entry) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'block % of % does not follow the block before', NEW.block_no, NEW.program_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'block_chained';
END $$;
CREATE TRIGGER block_chained BEFORE INSERT ON journal_block FOR EACH ROW EXECUTE FUNCTION check_block_chained();
CREATE TRIGGER journal_block_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_block
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON journal_block FROM CURRENT_USER;

CREATE VIEW audit_seal_horizon AS SELECT up_to_entry, sealed_at FROM seal_horizon;
CREATE VIEW audit_journal_block AS
    SELECT program_id, block_no, after_entry, up_to_entry, rows, entries, root, previous_hash, block_hash, sealed_at
    FROM journal_block;
