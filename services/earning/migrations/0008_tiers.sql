-- Tiers: what counts for them per business day, what each member has, and every change of it (points.md, Tiers).

CREATE TABLE tier_progress (
    program_id  text   NOT NULL,
    member_id   text   NOT NULL,
    day         date   NOT NULL, -- of what earned it, in the program's time zone
    points      bigint NOT NULL CHECK (points >= 0),      -- granted less clawed back
    money_minor bigint NOT NULL CHECK (money_minor >= 0), -- the basis of receipts less what came back
    PRIMARY KEY (program_id, member_id, day)
);

CREATE TABLE member_tier (
    program_id text    NOT NULL,
    member_id  text    NOT NULL,
    holdings   json    NOT NULL, -- [[tier, reached on, good until, by its count]]; the last is what the member has
    since      date,             -- when the first of them was reached
    in_grace   boolean NOT NULL,
    due_at     timestamptz,      -- when the end of the last one is judged
    asked_for  timestamptz,      -- the due_at that the timer told last
    told       integer NOT NULL DEFAULT 0, -- how many it told
    PRIMARY KEY (program_id, member_id)
);
CREATE INDEX member_tier_due ON member_tier (due_at) WHERE due_at IS DISTINCT FROM asked_for;

CREATE TABLE tier_change (
    change_id    uuid        PRIMARY KEY, -- also the id of the event that tells it
    program_id   text        NOT NULL,
    member_id    text        NOT NULL,
    place        integer     NOT NULL,    -- the member's first change is 1
    effective_at timestamptz NOT NULL,
    tier_before  text,
    tier_after   text,
    reason       text        NOT NULL CHECK (reason IN ('qualified', 'renewed', 'validity_ended', 'refunded')),
    counter      bigint      NOT NULL,
    valid_until  timestamptz,
    UNIQUE (program_id, member_id, place)
);

CREATE VIEW audit_tier_progress AS SELECT * FROM tier_progress;
CREATE VIEW audit_member_tier AS SELECT program_id, member_id, holdings, due_at, told FROM member_tier;
CREATE VIEW audit_tier_change AS SELECT * FROM tier_change;

-- Groups that the member's profile says, as the last registration or update has it; null = none.
ALTER TABLE member ADD COLUMN segments json;
