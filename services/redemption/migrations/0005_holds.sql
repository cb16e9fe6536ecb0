-- Holds (C26): points of a member that must not be spent until a person has looked. Placed, released and confirmed by
-- fraud.holds.v1 alone; no timer and no machine ever ends one.

-- Held points are a part of their lot like any other. A hold binds pending points as well as available ones.
ALTER TABLE lot ADD COLUMN held bigint NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE lot DROP CONSTRAINT every_point_once;
ALTER TABLE lot ADD CONSTRAINT every_point_once CHECK (
    points = remaining + held + reserved + redeemed + clawed_back + set_off + expired + forfeited);
ALTER TYPE lot_row ADD ATTRIBUTE held bigint;

-- How many holds of the member are open, those that wait for their grants included: a batch loads them where it is not 0.
-- Without a CHECK, for a batch adds its difference, which may be negative; the trigger below counts.
ALTER TABLE wallet ADD COLUMN open_holds integer NOT NULL DEFAULT 0;

-- A decision may come before its hold; then the columns of the placing are null until that comes as well.
CREATE TABLE hold (
    program_id      text   NOT NULL,
    member_id       text   NOT NULL,
    hold_id         text   NOT NULL,
    scope           text   CHECK (scope IN ('member', 'grants')), -- `member` also binds what comes later
    grant_ids       uuid[] NOT NULL DEFAULT '{}',
    asked           bigint CHECK (asked >= 0),                    -- null = all of them
    reason          text,
    deadline        timestamptz,
    case_id         text,
    placed_event_id text,
    placed_key      uuid,                                         -- that event's dedupe key
    correlation_id  text,
    placed_at       timestamptz,
    state           text   NOT NULL CHECK (state IN ('open', 'released', 'confirmed')),
    named_points    bigint CHECK (named_points >= 0),             -- what the person confirmed
    person          text,
    note            text,
    decided_event_id text,
    decided_key     uuid,
    decided_story   text,
    decided_at      timestamptz,
    bound           bigint NOT NULL CHECK (bound >= 0),           -- every point it ever bound went one of these ways
    held            bigint NOT NULL CHECK (held >= 0),
    taken_back      bigint NOT NULL CHECK (taken_back >= 0),
    forfeited       bigint NOT NULL CHECK (forfeited >= 0),
    released        bigint NOT NULL CHECK (released >= 0),
    PRIMARY KEY (program_id, member_id, hold_id),
    CONSTRAINT every_held_point_once CHECK (bound = held + taken_back + forfeited + released),
    CONSTRAINT placed_or_waiting CHECK (num_nulls(scope, reason, deadline, case_id, placed_event_id, placed_key,
                                                  correlation_id, placed_at) = CASE WHEN scope IS NULL THEN 8 ELSE 0 END),
    CONSTRAINT open_is_placed CHECK (state <> 'open' OR scope IS NOT NULL),
    CONSTRAINT ended_by_a_person CHECK (num_nulls(person, note, decided_event_id, decided_key, decided_story, decided_at)
                                        = CASE state WHEN 'open' THEN 6 ELSE 0 END),
    CONSTRAINT confirmed_names_points CHECK ((state = 'confirmed') = (named_points IS NOT NULL)),
    CONSTRAINT ended_holds_nothing CHECK (state = 'open' OR held = 0)
);
CREATE INDEX hold_by_id ON hold (hold_id); -- a trace knows no more of it

-- Which points a hold binds now; a share that is 0 tells where it once bound some.
CREATE TABLE hold_share (
    program_id text   NOT NULL,
    member_id  text   NOT NULL,
    hold_id    text   NOT NULL,
    lot_id     uuid   NOT NULL REFERENCES lot,
    points     bigint NOT NULL CHECK (points >= 0),
    PRIMARY KEY (program_id, member_id, hold_id, lot_id),
    FOREIGN KEY (program_id, member_id, hold_id) REFERENCES hold
);
CREATE INDEX hold_share_of_lot ON hold_share (lot_id);

-- A lot's held points are what holds bind of it, each point by one hold. Checked at commit, under the wallet's lock.
CREATE FUNCTION check_held_points() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE checked uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.lot_id ELSE NEW.lot_id END;
BEGIN
    IF (SELECT held FROM lot WHERE lot_id = checked)
        IS DISTINCT FROM (SELECT coalesce(sum(points), 0) FROM hold_share WHERE lot_id = checked) THEN
        RAISE EXCEPTION 'the held points of lot % are not what its holds bind', checked
            USING ERRCODE = 'check_violation', CONSTRAINT = 'held_points_bound';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER held_points_bound_of_new AFTER INSERT ON lot
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.held > 0) EXECUTE FUNCTION check_held_points();
CREATE CONSTRAINT TRIGGER held_points_bound AFTER UPDATE OF held ON lot
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.held <> OLD.held) EXECUTE FUNCTION check_held_points();
CREATE CONSTRAINT TRIGGER held_points_bound AFTER INSERT OR UPDATE OR DELETE ON hold_share
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_held_points();

-- A hold's shares sum to what it holds, and a wallet knows how many of its holds are open.
CREATE FUNCTION check_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT held FROM hold WHERE (program_id, member_id, hold_id) = (NEW.program_id, NEW.member_id, NEW.hold_id))
        IS DISTINCT FROM
       (SELECT coalesce(sum(points), 0) FROM hold_share
         WHERE (program_id, member_id, hold_id) = (NEW.program_id, NEW.member_id, NEW.hold_id)) THEN
        RAISE EXCEPTION 'the shares of hold % do not sum to what it holds', NEW.hold_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_shares_sum';
    END IF;
    IF (SELECT open_holds FROM wallet WHERE (program_id, member_id) = (NEW.program_id, NEW.member_id))
        IS DISTINCT FROM
       (SELECT count(*) FROM hold
         WHERE (program_id, member_id) = (NEW.program_id, NEW.member_id) AND state = 'open') THEN
        RAISE EXCEPTION 'the wallet does not know how many of its holds are open'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'open_holds_counted';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold_adds_up AFTER INSERT OR UPDATE ON hold
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_hold();

-- What the audit role may read of it. A view takes new columns at its end alone.
CREATE OR REPLACE VIEW audit_wallet AS SELECT program_id, member_id, deficit, waived, open_holds FROM wallet;
CREATE OR REPLACE VIEW audit_lot AS
    SELECT lot_id, grant_id, program_id, member_id, class, points, remaining, reserved, redeemed, clawed_back, set_off,
           expired, forfeited, recalled, posted_state, lot_state(lot, service_now()) AS state, available_at, expires_at,
           last_notice_at, granted_at, expected_cost_minor, currency, budget_id, rule_version, granted_event_id,
           correlation_id, causation_id, source_type, source_id, merchant_id, receipt_id, other_member_id, held
    FROM lot;
CREATE VIEW audit_hold AS
    SELECT program_id, member_id, hold_id, scope, grant_ids, asked, deadline, case_id, placed_event_id, placed_key,
           placed_at, state, named_points, person, note, decided_event_id, decided_key, decided_at, bound, held,
           taken_back, forfeited, released
    FROM hold;
CREATE VIEW audit_hold_share AS SELECT program_id, member_id, hold_id, lot_id, points FROM hold_share;
