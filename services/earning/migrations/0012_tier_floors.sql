-- Tier floors: the lowest tier a member may have, asked for by one operator and approved by another.
CREATE TABLE tier_floor (
    program_id   text        NOT NULL,
    floor_id     text        NOT NULL,
    member_id    text        NOT NULL,
    tier_id      text,                 -- null: there is to be none any more
    reason       text        NOT NULL,
    evidence     text        NOT NULL, -- where it is kept
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL,
    state        text        NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'approved', 'refused')),
    decided_by   text,
    note         text,
    decided_at   timestamptz,
    event_id     uuid,                 -- its tier.floor_requested, once approved
    event_key    uuid,
    PRIMARY KEY (program_id, floor_id),
    CONSTRAINT decided_by_somebody CHECK (
        (state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT approved_by_a_second_person CHECK (state <> 'approved' OR decided_by <> requested_by),
    CONSTRAINT told_once_approved CHECK (
        (state = 'approved') = (event_key IS NOT NULL) AND (event_key IS NULL) = (event_id IS NULL))
);
CREATE INDEX tier_floor_waiting ON tier_floor (program_id, requested_at) WHERE state = 'requested';
CREATE INDEX tier_floor_of_member ON tier_floor (program_id, member_id, requested_at);

-- What stands: the member's tier is the higher of what counts and of this, from `floor_since` on.
ALTER TABLE member_tier
    ADD COLUMN floor text,
    ADD COLUMN floor_since timestamptz,
    ADD CONSTRAINT a_floor_has_its_time CHECK (floor IS NULL OR floor_since IS NOT NULL);
ALTER TABLE tier_change DROP CONSTRAINT tier_change_reason_check, ADD CONSTRAINT tier_change_reason_check
    CHECK (reason IN ('qualified', 'renewed', 'validity_ended', 'refunded', 'floor'));

CREATE VIEW audit_tier_floor AS
    SELECT program_id, floor_id, member_id, tier_id, requested_by, state, decided_by, decided_at, event_id, event_key
      FROM tier_floor;
CREATE OR REPLACE VIEW audit_member_tier AS
    SELECT program_id, member_id, holdings, due_at, told, floor, floor_since FROM member_tier;

-- What an occasion's grants use of counted caps, as a receipt has it: [[rule, period, points]]; null where it was decided
-- before this was kept.
ALTER TABLE occasion ADD COLUMN cap_uses json;
ALTER TYPE occasion_row ADD ATTRIBUTE cap_uses text;
CREATE OR REPLACE VIEW audit_cap_use AS
    SELECT r.receipt_key, r.program_id, r.member_id, u.use ->> 0 AS rule_id, u.use ->> 1 AS period,
           (u.use ->> 2)::bigint AS points
      FROM receipt AS r, json_array_elements(r.cap_uses) AS u (use)
    UNION ALL
    SELECT o.occasion_key, o.program_id, o.member_id, u.use ->> 0, u.use ->> 1, (u.use ->> 2)::bigint
      FROM occasion AS o, json_array_elements(o.cap_uses) AS u (use);
CREATE VIEW audit_uncounted_occasion AS
    SELECT DISTINCT program_id, member_id FROM occasion
     WHERE cap_uses IS NULL AND outcome = 'granted' AND kind <> 'correction';
-- What the audit has to know of a version to count as earning does.
CREATE VIEW audit_tier_terms AS
    SELECT program_id, version, pack ->> 'time_zone' AS time_zone,
           coalesce(pack ->> 'tiers', 'null') <> 'null' AS has_tiers
      FROM program_version;
