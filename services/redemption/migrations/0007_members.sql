-- What redemption knows of members beside their points: their profile as the gateway tells it, their tier as earning
-- tells it, and whether the account is closed. Nobody's contact data.

-- Whoever has a tier but was never registered (its event may come first) has no registered_at yet.
CREATE TABLE member (
    program_id    text        NOT NULL,
    member_id     text        NOT NULL,
    registered_at timestamptz,
    listed_party  boolean     NOT NULL DEFAULT false, -- may neither earn nor redeem (C27)
    locale        text,
    PRIMARY KEY (program_id, member_id)
);

-- Every tier.changed: the tier from `effective_at` on, until the next one. `place` settles a tie: the later told counts.
CREATE TABLE tier_told (
    program_id   text        NOT NULL,
    member_id    text        NOT NULL,
    effective_at timestamptz NOT NULL,
    place        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    tier_id      text,        -- null = none from then on
    valid_until  timestamptz, -- earning tells what comes after it, so this ends nothing by itself
    event_id     uuid        NOT NULL UNIQUE,
    PRIMARY KEY (program_id, member_id, effective_at, place)
);

-- Closing is decided under the wallet's lock, so the wallet itself says it: a closed account keeps no point (C22).
ALTER TABLE wallet ADD COLUMN closed_at timestamptz;

CREATE VIEW audit_member AS SELECT program_id, member_id, registered_at, listed_party FROM member;
CREATE VIEW audit_tier_told AS
    SELECT program_id, member_id, effective_at, place, tier_id, valid_until, event_id FROM tier_told;
CREATE OR REPLACE VIEW audit_wallet AS
    SELECT program_id, member_id, deficit, waived, open_holds, closed_at FROM wallet;
