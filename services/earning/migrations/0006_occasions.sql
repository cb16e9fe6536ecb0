-- What is earned without a purchase: for joining, on a birthday, for an activity; and what organisations do.

-- As the member's profile says now. A member belongs to at most one organisation at a time.
ALTER TABLE member ADD COLUMN birth_month_day text, ADD COLUMN organisation_id text;

-- One row per occasion that earned, or that waits for the member's phone to be verified (C01).
CREATE TABLE occasion (
    occasion_key    uuid        PRIMARY KEY, -- a hash: of program and member, of these and the year, or of the event
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('sign_up', 'birthday', 'activity')),
    event_key       uuid        NOT NULL,    -- the event it was decided by last
    event_time      timestamptz NOT NULL,
    outcome         text        NOT NULL CHECK (outcome IN ('waiting', 'granted', 'declined')),
    rule_version    integer     NOT NULL,
    facts           json        NOT NULL,
    activity_id     text,
    organisation_id text,                    -- the member's at the time
    evidence_sha256 text,
    revision        integer     NOT NULL DEFAULT 1,
    CONSTRAINT only_sign_ups_wait CHECK (outcome = 'granted' OR kind = 'sign_up'),
    CONSTRAINT an_activity_has_its_name CHECK ((kind = 'activity') = (activity_id IS NOT NULL))
);
-- One file proves one deed, whoever brings it (C09).
CREATE UNIQUE INDEX occasion_of_evidence ON occasion (program_id, evidence_sha256) WHERE evidence_sha256 IS NOT NULL;
CREATE INDEX occasion_of_organisation ON occasion (program_id, organisation_id, event_time)
 WHERE organisation_id IS NOT NULL;

-- How often an activity has counted for a member in the period that begins on `starts`; of a lifetime 1 January 1900.
CREATE TABLE activity_count (
    count_key   uuid    PRIMARY KEY, -- a hash of all but times
    program_id  text    NOT NULL,
    member_id   text    NOT NULL,
    activity_id text    NOT NULL,
    per         text    NOT NULL CHECK (per IN ('day', 'month', 'year', 'lifetime')),
    starts      date    NOT NULL,
    times       integer NOT NULL CHECK (times > 0)
);

-- Points of the activities that an organisation registered, all its members together. Partitions meet here.
CREATE TABLE organisation_points (
    program_id      text   NOT NULL,
    organisation_id text   NOT NULL,
    per             text   NOT NULL CHECK (per IN ('day', 'month', 'year', 'lifetime')),
    starts          date   NOT NULL,
    points          bigint NOT NULL CHECK (points > 0),
    PRIMARY KEY (program_id, organisation_id, per, starts)
);

-- When each member's next birthday begins. `told_year`: of the last one that was told; `told`: how many were.
CREATE TABLE birthday_timer (
    program_id      text NOT NULL,
    member_id       text NOT NULL,
    birth_month_day text,        -- null: no birthday is known any more
    due_at          timestamptz, -- null likewise
    told_year       integer,
    told            integer NOT NULL DEFAULT 0,
    PRIMARY KEY (program_id, member_id),
    CONSTRAINT due_where_known CHECK ((birth_month_day IS NULL) = (due_at IS NULL))
);
CREATE INDEX birthday_timer_due ON birthday_timer (due_at) WHERE due_at IS NOT NULL;

-- A grant comes from a receipt, a drop, a referral or an occasion.
ALTER TABLE issued_grant ADD COLUMN occasion_key uuid, DROP CONSTRAINT has_one_origin,
    ADD CONSTRAINT has_one_origin CHECK (num_nonnulls(receipt_key, drop_key, referral_key, occasion_key) = 1);
CREATE INDEX issued_grant_of_occasion ON issued_grant (occasion_key) WHERE occasion_key IS NOT NULL;
ALTER TYPE deed_grant_row ADD ATTRIBUTE occasion_key uuid;

-- Whose member brought the drop.
ALTER TABLE recycling_drop ADD COLUMN organisation_id text;
ALTER TYPE drop_row ADD ATTRIBUTE organisation_id text;
CREATE INDEX recycling_drop_of_organisation ON recycling_drop (program_id, organisation_id, event_time)
 WHERE organisation_id IS NOT NULL;

CREATE TYPE occasion_row AS (
    occasion_key uuid, program_id text, member_id text, kind text, event_key uuid, event_time bigint, outcome text,
    rule_version integer, facts text, activity_id text, organisation_id text, evidence_sha256 text
);

CREATE OR REPLACE VIEW audit_grant AS
    SELECT grant_id, event_key, receipt_key, program_id, member_id, class, budget_id, points, clawed_back, cost_minor,
           cost_returned_minor, rule_version, event_time, available_at, expires_at, correlation_id, drop_key,
           referral_key, occasion_key
      FROM issued_grant;
CREATE VIEW audit_occasion AS
    SELECT occasion_key, program_id, member_id, kind, event_key, event_time, outcome, rule_version, activity_id,
           organisation_id
      FROM occasion;
CREATE VIEW audit_birthday_timer AS SELECT program_id, member_id, told FROM birthday_timer;
CREATE VIEW audit_activity_count AS SELECT * FROM activity_count;
CREATE VIEW audit_organisation_points AS SELECT * FROM organisation_points;
