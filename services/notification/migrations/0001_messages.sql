-- What members are told, by which channel, and what became of it. Contact data lives in `contact` and `recipient`
-- alone: no message row holds an address. Those two have no CHECKs, whose errors would quote the row.

-- What is known of a member that decides how he is spoken to; the whole profile's last word.
CREATE TABLE member (
    program_id text    NOT NULL,
    member_id  text    NOT NULL,
    locale     text,
    birth_year integer,
    consents   json    NOT NULL, -- purpose → given or refused
    PRIMARY KEY (program_id, member_id)
);

CREATE TABLE contact (
    program_id text NOT NULL,
    member_id  text NOT NULL,
    record_key bytea NOT NULL, -- as its dead letters are keyed
    email      text,
    phone      text,
    webhook    text,
    erased_at  timestamptz,    -- an erasure leaves this row and nothing else
    PRIMARY KEY (program_id, member_id)
);
CREATE INDEX contact_erased ON contact (record_key) WHERE erased_at IS NOT NULL;
CREATE TABLE recipient (
    program_id    text NOT NULL,
    member_id     text NOT NULL,
    recipient_ref text NOT NULL,
    address       text NOT NULL,
    PRIMARY KEY (program_id, member_id, recipient_ref)
);
-- An erasure also empties the dead letters of its key.
CREATE INDEX dead_letter_of_contact ON dead_letter (record_key)
    WHERE topic = 'members.contacts.v1' AND record_value IS NOT NULL;

-- Why points are held, and what a person decided: the words that points.held and points.released lack.
CREATE TABLE hold (
    program_id text NOT NULL,
    member_id  text NOT NULL,
    hold_id    text NOT NULL,
    reason     text,
    deadline   timestamptz,
    decision   text CHECK (decision IN ('released', 'confirmed')),
    note       text,
    PRIMARY KEY (program_id, member_id, hold_id)
);

-- Something to be told once: all causes of one kind that came within its window.
CREATE TABLE notice (
    notice_id      uuid        PRIMARY KEY, -- derived from its first cause
    program_id     text        NOT NULL,
    member_id      text        NOT NULL,
    template       text        NOT NULL,
    group_key      text        NOT NULL,    -- what its causes have in common beside the template: a hold, a refund
    state          text        NOT NULL CHECK (state IN ('gathering', 'closed')),
    cause_key      uuid        NOT NULL,    -- the first cause
    cause_type     text        NOT NULL,
    causation_id   text        NOT NULL,
    correlation_id text        NOT NULL,
    rule_version   integer,
    opened_at      timestamptz NOT NULL,    -- the record's time of the first cause
    due_at         timestamptz NOT NULL,    -- the window's end: a cause recorded later opens the next notice
    close_at       timestamptz NOT NULL,    -- not before its causes have stopped coming for a moment
    points         bigint      NOT NULL CHECK (points >= 0),
    causes         bigint      NOT NULL CHECK (causes > 0)
);
CREATE INDEX notice_newest ON notice (program_id, member_id, template, group_key, due_at, state);
CREATE INDEX notice_due ON notice (close_at) WHERE state = 'gathering';

-- Which event is told by which notice: each event once, for ever. No foreign key: it would lock the notice's row
-- for each event, and the same statement writes both.
CREATE TABLE notice_cause (
    event_key      uuid        PRIMARY KEY,
    notice_id      uuid        NOT NULL,
    kind           text        NOT NULL, -- what earned, for a grant; else the event's type
    points         bigint      NOT NULL CHECK (points >= 0),
    lot_id         uuid,
    reference      text,                 -- a receipt or refund as the member knows it
    at             timestamptz,          -- available from, or matured at
    correlation_id text        NOT NULL,
    position       bigint      GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX notice_cause_in_order ON notice_cause (notice_id, position);
CREATE INDEX notice_cause_of_story ON notice_cause (correlation_id);

-- One message per notice and channel, hence one per cause and channel.
CREATE TABLE message (
    message_id      uuid        PRIMARY KEY, -- derived from the notice and the channel
    entry_id        bigint      GENERATED ALWAYS AS IDENTITY,
    notice_id       uuid        NOT NULL REFERENCES notice,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    channel         text        NOT NULL CHECK (channel IN ('email', 'in_app')),
    state           text        NOT NULL
        CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unknown', 'suppressed')),
    code            text,                    -- why suppressed
    error           text,                    -- why failed: a class of failure, never the server's words
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,             -- queued: not before; a claim moves it on, so a lost claimer's lapses
    lease_until     timestamptz,             -- sending: after this nobody knows whether the server has it
    told_event_id   uuid,                    -- its message.sent, failed or suppressed
    created_at      timestamptz NOT NULL DEFAULT now(),
    settled_at      timestamptz,
    read_at         timestamptz,             -- in-app
    CONSTRAINT one_message_per_notice_and_channel UNIQUE (notice_id, channel),
    CONSTRAINT settled_is_told CHECK ((state IN ('queued', 'sending')) = (told_event_id IS NULL)),
    CONSTRAINT suppressed_has_a_code CHECK ((state = 'suppressed') = (code IS NOT NULL))
);
CREATE INDEX message_queued ON message (next_attempt_at) WHERE state = 'queued';
CREATE INDEX message_sending ON message (lease_until) WHERE state = 'sending';
CREATE INDEX message_waiting_of_member ON message (program_id, member_id) WHERE state = 'queued';
CREATE INDEX message_of_member ON message (program_id, member_id, entry_id);
CREATE INDEX inbox_of_member ON message (program_id, member_id, entry_id)
    WHERE channel = 'in_app' AND state = 'sent';
CREATE INDEX inbox_unread ON message (program_id, member_id)
    WHERE channel = 'in_app' AND state = 'sent' AND read_at IS NULL;

-- The rows every told event writes, as a batch's save sends them; instants as microseconds since 1970, UTC.
CREATE TYPE notice_row AS (
    notice_id uuid, program_id text, member_id text, template text, group_key text, cause_key uuid, cause_type text,
    causation_id text, correlation_id text, rule_version integer, opened_at bigint, due_at bigint, points bigint,
    causes bigint
);
CREATE TYPE cause_row AS (
    event_key uuid, notice_id uuid, kind text, points bigint, lot_id uuid, reference text, at bigint,
    correlation_id text
);
