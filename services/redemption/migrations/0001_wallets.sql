-- Wallets, lots and the journal: the only authority on what can be spent.
-- Points are bigint, money is bigint minor units.

-- One row per member, and the lock that every change of the member's points takes first.
CREATE TABLE wallet (
    program_id text   NOT NULL,
    member_id  text   NOT NULL,
    deficit    bigint NOT NULL DEFAULT 0 CHECK (deficit >= 0), -- claw-backs still owed (C19)
    waived     bigint NOT NULL DEFAULT 0 CHECK (waived >= 0),  -- claw-backs the policy let go
    PRIMARY KEY (program_id, member_id)
);

-- One lot per grant; every point of it is in exactly one part. No foreign key to wallet: it would lock and
-- rewrite a wallet row for each grant, and the same statement that writes a lot writes its wallet.
CREATE TABLE lot (
    lot_id              uuid        PRIMARY KEY,
    grant_id            uuid        NOT NULL,
    program_id          text        NOT NULL,
    member_id           text        NOT NULL,
    class               text        NOT NULL CHECK (class IN ('CONSUMPTION', 'GREEN_ACTION', 'PROMO')),
    points              bigint      NOT NULL CHECK (points > 0),
    remaining           bigint      NOT NULL CHECK (remaining >= 0),
    reserved            bigint      NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    redeemed            bigint      NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
    clawed_back         bigint      NOT NULL DEFAULT 0 CHECK (clawed_back >= 0), -- taken for its own grant
    set_off             bigint      NOT NULL DEFAULT 0 CHECK (set_off >= 0),     -- taken for another grant's claw-back
    expired             bigint      NOT NULL DEFAULT 0 CHECK (expired >= 0),
    forfeited           bigint      NOT NULL DEFAULT 0 CHECK (forfeited >= 0),
    recalled            bigint      NOT NULL DEFAULT 0,                          -- sum of the claw-backs of its grant
    posted_state        text        NOT NULL CHECK (posted_state IN ('pending', 'available')),
    available_at        timestamptz, -- null = waits for points.scheduled
    expires_at          timestamptz, -- null = never
    last_notice_at      timestamptz, -- the last owed expiry notice, once all of them are recorded (C20)
    granted_at          timestamptz NOT NULL,
    expected_cost_minor bigint      NOT NULL CHECK (expected_cost_minor >= 0),
    currency            text        NOT NULL,
    budget_id           text        NOT NULL,
    rule_version        integer,
    granted_event_id    text        NOT NULL, -- its points.granted
    correlation_id      text        NOT NULL, -- the first event of its story
    causation_id        text        NOT NULL, -- the event earning decided on
    source_type         text        NOT NULL, -- what was rewarded: the look-through's end (C25)
    source_id           text        NOT NULL,
    merchant_id         text,
    receipt_id          text,
    other_member_id     text,                 -- only a referral grant names another member
    CONSTRAINT every_point_once CHECK (
        points = remaining + reserved + redeemed + clawed_back + set_off + expired + forfeited),
    CONSTRAINT recalled_at_most_granted CHECK (clawed_back <= recalled AND recalled <= points)
);
CREATE INDEX lot_of_member ON lot (program_id, member_id, granted_at, lot_id);
CREATE INDEX lot_due ON lot (available_at) WHERE posted_state = 'pending';

CREATE FUNCTION still_pending(available_at timestamptz, moment timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN available_at IS NULL OR available_at > moment;

-- What the clock says of a lot: the one answer that spending, balance, sweepers and audit share (design: "Pending,
-- available, expiry"). What the journal has once posted as available never turns pending again.
-- A lot expires only when its owed notices are recorded; until then it stays spendable (C20).
CREATE FUNCTION lot_state(l lot, moment timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN l.posted_state = 'pending' AND still_pending(l.available_at, moment) THEN 'pending'
    WHEN l.last_notice_at IS NOT NULL AND l.expires_at IS NOT NULL
        AND moment >= greatest(
            l.expires_at, l.last_notice_at + least(interval '7 days', l.expires_at - l.granted_at))
        THEN 'expired'
    ELSE 'available'
END;

-- The accounts of invariant 1. Points enter from `issued`; a balance is what came in less what went out, and
-- `deficit` and `waived` run below zero: issued = the sum of all others, with those two counted negative.
CREATE DOMAIN account AS text CHECK (VALUE IN (
    'issued', 'pending', 'available', 'reserved', 'held', 'redeemed', 'expired', 'forfeited', 'clawed_back',
    'deficit', 'waived'));

-- The hash of a journal row's content: its fields as UTF-8 text joined by U+001F (no identifier holds it), instants
-- as microseconds since 2000-01-01 UTC in 16 hexadecimal digits. Built of immutable parts only, so it is inlined.
CREATE FUNCTION journal_hash(
    program_id text, member_id text, lot_id uuid, grant_id uuid, from_account text, to_account text, points bigint,
    cause_type text, cause_key uuid, cause_id text, business_time timestamptz, posted_at timestamptz
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(decode(replace(
    program_id || E'\x1f' || member_id || E'\x1f' || lot_id::text || E'\x1f' || grant_id::text || E'\x1f'
    || from_account || E'\x1f' || to_account || E'\x1f' || points::text || E'\x1f'
    || cause_type || E'\x1f' || cause_key::text || E'\x1f' || cause_id || E'\x1f'
    || encode(timestamptz_send(business_time), 'hex') || E'\x1f' || encode(timestamptz_send(posted_at), 'hex'),
    '\', '\\'), 'escape'));

-- Every movement of points, one row each, written once and never changed.
CREATE TABLE journal (
    entry_id      bigint      GENERATED ALWAYS AS IDENTITY,
    program_id    text        NOT NULL,
    member_id     text        NOT NULL,
    lot_id        uuid        NOT NULL,
    grant_id      uuid        NOT NULL,
    from_account  account     NOT NULL,
    to_account    account     NOT NULL,
    points        bigint      NOT NULL CHECK (points > 0),
    cause_type    text        NOT NULL, -- the event that tells this movement
    cause_key     uuid        NOT NULL,
    cause_id      text        NOT NULL,
    business_time timestamptz NOT NULL, -- that event's time
    posted_at     timestamptz NOT NULL,
    row_hash      bytea       NOT NULL CHECK (octet_length(row_hash) = 32),
    PRIMARY KEY (program_id, member_id, entry_id),
    CONSTRAINT one_posting_per_cause UNIQUE (cause_key, lot_id, from_account, to_account),
    CHECK (from_account <> to_account)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % of % is refused; post a new row instead', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON journal FROM CURRENT_USER;

-- Points spent, answered alike for one idempotency key for as long as the row is kept.
CREATE TABLE redemption (
    redemption_id    uuid        PRIMARY KEY,
    program_id       text        NOT NULL,
    member_id        text        NOT NULL,
    points           bigint      NOT NULL CHECK (points > 0),
    idempotency_key  text        NOT NULL,
    body_hash        bytea       NOT NULL,
    reason           text        NOT NULL,
    requested_at     timestamptz NOT NULL,
    available_before bigint      NOT NULL CHECK (available_before >= points),
    UNIQUE (program_id, member_id, idempotency_key)
);

-- Which lots paid a redemption: the look-through chain (C25).
CREATE TABLE allocation (
    redemption_id uuid   NOT NULL REFERENCES redemption,
    lot_id        uuid   NOT NULL REFERENCES lot,
    points        bigint NOT NULL CHECK (points > 0),
    PRIMARY KEY (redemption_id, lot_id)
);
CREATE INDEX allocation_of_lot ON allocation (lot_id);

-- Invariant 3: a redemption's allocations sum to its points, within its program. Checked at commit.
CREATE FUNCTION check_redemption_allocated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.redemption_id ELSE NEW.redemption_id END;
    strayed bigint;
BEGIN
    SELECT count(*) INTO strayed FROM redemption r WHERE r.redemption_id = checked AND r.points IS DISTINCT FROM (
        SELECT sum(a.points) FROM allocation a JOIN lot l USING (lot_id)
        WHERE a.redemption_id = checked AND l.program_id = r.program_id AND l.member_id = r.member_id);
    IF strayed > 0 THEN
        RAISE EXCEPTION 'the allocations of redemption % do not sum to its points', checked
            USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_allocated';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER redemption_allocated AFTER INSERT OR UPDATE ON redemption
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_redemption_allocated();
CREATE CONSTRAINT TRIGGER redemption_allocated AFTER INSERT OR UPDATE OR DELETE ON allocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_redemption_allocated();

-- Requests refused, kept for the audit; no balance changed.
CREATE TABLE refusal (
    refusal_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    code            text        NOT NULL,
    idempotency_key text        NOT NULL,
    points          bigint      NOT NULL,
    available       bigint      NOT NULL,
    requested_at    timestamptz NOT NULL
);

-- What became of each claw-back, to the last point (C19).
CREATE TABLE claw_back (
    claw_back_id uuid        PRIMARY KEY, -- the id of its points.clawed_back
    grant_id     uuid        NOT NULL REFERENCES lot,
    program_id   text        NOT NULL,
    member_id    text        NOT NULL,
    refund_id    text,
    policy       text        NOT NULL CHECK (policy IN ('deficit', 'within_balance', 'only_pending')),
    points       bigint      NOT NULL CHECK (points > 0),
    taken        bigint      NOT NULL CHECK (taken >= 0),        -- from the grant's own lot
    set_off      bigint      NOT NULL CHECK (set_off >= 0),      -- from the member's other lots
    already_gone bigint      NOT NULL CHECK (already_gone >= 0), -- had expired or been forfeited: reposted
    deficit      bigint      NOT NULL CHECK (deficit >= 0),
    waived       bigint      NOT NULL CHECK (waived >= 0),
    clawed_at    timestamptz NOT NULL,
    CONSTRAINT every_point_told CHECK (points = taken + set_off + already_gone + deficit + waived)
);
CREATE INDEX claw_back_of_grant ON claw_back (grant_id);

-- What claw-backs recalled from a member is in the lots, owed, or waived; and a grant's claw-backs are all its own
-- lot knows of. Checked at commit, under the wallet's lock.
CREATE FUNCTION check_claw_backs_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE strayed bigint;
BEGIN
    SELECT w.deficit + w.waived - coalesce(sum(l.recalled - l.clawed_back - l.set_off), 0) INTO strayed
        FROM wallet w LEFT JOIN lot l USING (program_id, member_id)
        WHERE w.program_id = NEW.program_id AND w.member_id = NEW.member_id
        GROUP BY w.program_id, w.member_id;
    IF strayed IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'claw-backs of one wallet are not settled: off by % points', strayed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claw_backs_settled';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER claw_backs_settled AFTER INSERT OR UPDATE OF deficit, waived ON wallet
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.deficit > 0 OR NEW.waived > 0)
    EXECUTE FUNCTION check_claw_backs_settled();
CREATE CONSTRAINT TRIGGER claw_backs_settled AFTER INSERT OR UPDATE ON claw_back
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_claw_backs_settled();

CREATE FUNCTION check_claw_backs_recalled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT recalled FROM lot WHERE lot_id = NEW.grant_id)
        IS DISTINCT FROM (SELECT sum(points) FROM claw_back WHERE grant_id = NEW.grant_id) THEN
        RAISE EXCEPTION 'the lot of grant % does not know all its claw-backs', NEW.grant_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claw_backs_recalled';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER claw_backs_recalled AFTER INSERT OR UPDATE ON claw_back
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_claw_backs_recalled();
