-- What every service keeps beside its own books. Applied inside the service's schema, before its own migrations.

-- Raises when a set-based claim won fewer rows than the decisions assumed: nothing of the batch is written,
-- the worker loads and decides it again.
CREATE FUNCTION claim_lost(claim text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'another writer won the claim "%"', claim USING ERRCODE = 'GP001';
END $$;

-- The database clock plus the shift that tests and the demo may set (days pass in seconds).
CREATE FUNCTION service_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT now() + coalesce(nullif(current_setting('greenpoints.clock_shift', true), ''), '0')::interval
$$;

-- One owner per partition number, across all topics. The epoch rises at every claim, so that a batch of an
-- earlier owner finds its gate shut.
CREATE TABLE partition_owner (
    partition  integer PRIMARY KEY,
    epoch      bigint      NOT NULL,
    owner      text        NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now()
);

-- The next offset to handle, and what became of every offset before it: the sum is a constraint (invariant 8).
CREATE TABLE partition_offset (
    topic         text    NOT NULL,
    partition     integer NOT NULL,
    first_offset  bigint  NOT NULL,
    next_offset   bigint  NOT NULL,
    applied       bigint  NOT NULL DEFAULT 0,
    duplicate     bigint  NOT NULL DEFAULT 0,
    ignored       bigint  NOT NULL DEFAULT 0,
    forwarded     bigint  NOT NULL DEFAULT 0,
    dead_lettered bigint  NOT NULL DEFAULT 0,
    gap           bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition),
    CONSTRAINT every_offset_once CHECK (
        next_offset - first_offset = applied + duplicate + ignored + forwarded + dead_lettered + gap)
);

-- Offsets that Kafka did not deliver. The audit reads them again: a record found there was skipped.
CREATE TABLE offset_gap (
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    from_offset bigint  NOT NULL,
    to_offset   bigint  NOT NULL CHECK (to_offset > from_offset),
    PRIMARY KEY (topic, partition, from_offset)
);

-- One effect per (source, id): the key is a 16-byte hash of the two, the content hash tells a repeat from a forgery.
CREATE TABLE inbox (
    event_key     uuid        NOT NULL PRIMARY KEY,
    content_hash  bytea       NOT NULL,
    event_time    timestamptz NOT NULL,
    topic         text        NOT NULL,
    partition     integer     NOT NULL,
    record_offset bigint      NOT NULL
) PARTITION BY HASH (event_key);
DO $$ BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format('CREATE TABLE inbox_%s PARTITION OF inbox FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
    END LOOP;
END $$;

-- Events on their way to Kafka; columns as Debezium's outbox router expects them. The id is drawn from an
-- uncached sequence after the gate or the member's lock was held, so ids of one member rise in commit order.
CREATE SEQUENCE outbox_id CACHE 1;
CREATE TABLE outbox (
    id            bigint NOT NULL DEFAULT nextval('outbox_id') PRIMARY KEY,
    aggregatetype text   NOT NULL, -- the topic
    aggregateid   bytea,           -- the Kafka key
    type          text   NOT NULL,
    event_id      uuid   NOT NULL,
    payload       bytea,
    headers       json             -- [[name, value as latin-1]], null = a structured CloudEvent
);
COMMENT ON TABLE outbox IS 'rows leave only after Kafka acknowledged them';

-- What the relay has seen acknowledged, per partition.
CREATE TABLE relay_progress (
    topic               text    NOT NULL,
    partition           integer NOT NULL,
    acknowledged_offset bigint  NOT NULL,
    published           bigint  NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- Records that could not be handled, whole: replaying one publishes these bytes under this key again.
CREATE TABLE dead_letter (
    dead_letter_id uuid        PRIMARY KEY,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    record_offset  bigint      NOT NULL,
    record_key     bytea,
    record_value   bytea,
    headers        json        NOT NULL,
    code           text        NOT NULL,
    message        text        NOT NULL,
    error_class    text        NOT NULL,
    fields         json        NOT NULL,
    attempt        integer     NOT NULL,
    arrival        timestamptz NOT NULL,
    first_seen     timestamptz NOT NULL DEFAULT now(),
    state          text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
    settled_by     text,
    settled_at     timestamptz,
    settled_reason text,
    UNIQUE (topic, partition, record_offset)
);
CREATE INDEX dead_letter_open ON dead_letter (code, topic, first_seen) WHERE state = 'open';

-- Program versions as read from the broadcast; the first record of a version counts.
CREATE TABLE program_version (
    program_id    text        NOT NULL,
    version       integer     NOT NULL,
    published_at  timestamptz NOT NULL,
    effective_at  timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL,
    record_offset bigint      NOT NULL,
    pack          json        NOT NULL,
    PRIMARY KEY (program_id, version)
);

CREATE VIEW audit_offset AS SELECT * FROM partition_offset;
CREATE VIEW audit_gap AS SELECT * FROM offset_gap;
CREATE VIEW audit_inbox AS SELECT event_key, event_time, topic, partition, record_offset FROM inbox;
CREATE VIEW audit_outbox AS SELECT id, aggregatetype AS topic, aggregateid AS record_key, type, event_id FROM outbox;
CREATE VIEW audit_relay AS SELECT * FROM relay_progress;
CREATE VIEW audit_dead_letter AS
    SELECT dead_letter_id, topic, partition, record_offset, code, message, attempt, arrival, state FROM dead_letter;
CREATE VIEW audit_program_version AS
    SELECT program_id, version, published_at, effective_at, recorded_at FROM program_version;
