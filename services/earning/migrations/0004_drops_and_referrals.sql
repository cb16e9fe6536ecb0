-- Recycling drops and referrals: what they earned, what was taken back, and why.

-- The first order is the first that earned, in order of handling, set once. `referral_key`: who invited the member.
ALTER TABLE member ADD COLUMN first_order uuid, ADD COLUMN referral_key uuid;
UPDATE member AS m SET first_order = d.receipt_key
  FROM (SELECT DISTINCT ON (program_id, member_id) program_id, member_id, receipt_key FROM decision
         WHERE event_type = 'greenpoints.purchase.completed.v1' AND outcome = 'granted'
         ORDER BY program_id, member_id, arrival, event_key) AS d
 WHERE (d.program_id, d.member_id) = (m.program_id, m.member_id);

-- One row per drop of a program, whoever came first: the drop, or a rejection of it (then event_key is null).
CREATE TABLE recycling_drop (
    drop_key     uuid        PRIMARY KEY, -- a hash of program and drop id
    program_id   text        NOT NULL,
    drop_id      text        NOT NULL,
    station_id   text        NOT NULL,
    member_id    text        NOT NULL,
    event_key    uuid,
    event_source text,
    event_id     text,
    event_time   timestamptz,
    outcome      text        NOT NULL CHECK (outcome IN ('awaited', 'granted', 'declined')),
    code         text,
    rule_version integer,
    collected    json,
    rejected     json        NOT NULL, -- of each item in the drop's order: the grams or pieces that do not count
    revision     integer     NOT NULL DEFAULT 1,
    CONSTRAINT awaited_was_not_collected CHECK ((outcome = 'awaited') = (collected IS NULL))
);
CREATE INDEX recycling_drop_of_id ON recycling_drop (drop_id);

CREATE TABLE drop_rejection (
    event_key    uuid        PRIMARY KEY,
    event_source text        NOT NULL,
    event_id     text        NOT NULL,
    event_time   timestamptz NOT NULL,
    drop_key     uuid        NOT NULL,
    program_id   text        NOT NULL,
    member_id    text        NOT NULL,
    items        json        NOT NULL, -- [{material, grams | pieces}]
    state        text        NOT NULL CHECK (state IN ('open', 'settled')) -- open: its drop has not come yet
);
CREATE INDEX drop_rejection_of_drop ON drop_rejection (drop_key);

-- Who invited whom: written by the owner of the invitee's partition. An invitee has one inviter.
CREATE TABLE referral (
    referral_key uuid        PRIMARY KEY, -- a hash of program and invitee
    program_id   text        NOT NULL,
    invitee_id   text        NOT NULL,
    inviter_id   text        NOT NULL,
    event_key    uuid        NOT NULL,    -- its referral.accepted
    event_source text        NOT NULL,
    event_id     text        NOT NULL,
    event_time   timestamptz NOT NULL,
    state        text        NOT NULL CHECK (state IN ('linked', 'qualified', 'declined', 'reversed')),
    receipt_key  uuid,                    -- the first order
    qualified_id uuid,                    -- what was told to the inviter's partition
    reversed_id  uuid,
    CONSTRAINT nobody_refers_himself CHECK (inviter_id <> invitee_id),
    CONSTRAINT linked_until_the_first_order CHECK ((state = 'linked') = (receipt_key IS NULL)),
    CONSTRAINT reversed_after_qualified CHECK (reversed_id IS NULL OR qualified_id IS NOT NULL)
);

CREATE INDEX referral_of_event ON referral (event_key);
CREATE INDEX referral_of_order ON referral (receipt_key) WHERE receipt_key IS NOT NULL;

-- What the inviter got for it: written by the owner of the inviter's partition. A reversal may come first.
CREATE TABLE referral_reward (
    referral_key uuid PRIMARY KEY,
    program_id   text NOT NULL,
    inviter_id   text NOT NULL,
    invitee_id   text NOT NULL,
    event_key    uuid, -- its referral.qualified
    reversal_key uuid, -- its referral.reversed
    outcome      text NOT NULL CHECK (outcome IN ('granted', 'declined', 'reversed')),
    CONSTRAINT has_a_cause CHECK (event_key IS NOT NULL OR reversal_key IS NOT NULL),
    CONSTRAINT reversed_by_an_event CHECK (outcome <> 'reversed' OR reversal_key IS NOT NULL)
);

-- A grant comes from a receipt, a drop or a referral.
ALTER TABLE issued_grant ALTER COLUMN receipt_key DROP NOT NULL,
    ADD COLUMN drop_key uuid,
    ADD COLUMN referral_key uuid,
    ADD CONSTRAINT has_one_origin CHECK (num_nonnulls(receipt_key, drop_key, referral_key) = 1);
CREATE INDEX issued_grant_of_drop ON issued_grant (drop_key) WHERE drop_key IS NOT NULL;
CREATE INDEX issued_grant_of_referral ON issued_grant (referral_key) WHERE referral_key IS NOT NULL;

ALTER TABLE decision DROP CONSTRAINT decision_outcome_check, ADD CONSTRAINT decision_outcome_check CHECK (outcome IN (
    'registered', 'granted', 'declined', 'clawed_back', 'nothing_to_take', 'open_claim', 'partly_open_claim',
    'scheduled', 'nothing_to_schedule', 'linked', 'updated'));

CREATE TYPE drop_row AS (
    drop_key uuid, program_id text, drop_id text, station_id text, member_id text, event_key uuid, event_source text,
    event_id text, event_time bigint, outcome text, code text, rule_version integer, collected text, rejected text
);
CREATE TYPE rejection_row AS (
    event_key uuid, event_source text, event_id text, event_time bigint, drop_key uuid, program_id text,
    member_id text, items text, state text
);
CREATE TYPE referral_row AS (
    referral_key uuid, program_id text, invitee_id text, inviter_id text, event_key uuid, event_source text,
    event_id text, event_time bigint, state text, receipt_key uuid, qualified_id uuid, reversed_id uuid
);
CREATE TYPE reward_row AS (
    referral_key uuid, program_id text, inviter_id text, invitee_id text, event_key uuid, reversal_key uuid,
    outcome text
);
-- The grants of drops and referrals; those of receipts travel as grant_row.
CREATE TYPE deed_grant_row AS (
    grant_id uuid, event_key uuid, drop_key uuid, referral_key uuid, program_id text, member_id text, class text,
    budget_id text, points bigint, clawed_back bigint, cost_minor bigint, cost_returned_minor bigint, lines text,
    rule_version integer, event_time bigint, available_at bigint, expires_at bigint, correlation_id text
);

CREATE OR REPLACE VIEW audit_grant AS
    SELECT grant_id, event_key, receipt_key, program_id, member_id, class, budget_id, points, clawed_back, cost_minor,
           cost_returned_minor, rule_version, event_time, available_at, expires_at, correlation_id, drop_key,
           referral_key
      FROM issued_grant;
CREATE VIEW audit_drop AS
    SELECT drop_key, program_id, drop_id, station_id, member_id, event_key, outcome, code, rule_version
      FROM recycling_drop;
CREATE VIEW audit_drop_rejection AS
    SELECT event_key, drop_key, program_id, member_id, state FROM drop_rejection;
CREATE VIEW audit_referral AS
    SELECT referral_key, program_id, invitee_id, inviter_id, event_key, receipt_key, state, qualified_id, reversed_id
      FROM referral;
CREATE VIEW audit_referral_reward AS SELECT * FROM referral_reward;
