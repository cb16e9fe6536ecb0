-- Spent points that go back to their lots, and points reserved at the till.

-- Where a lot's date has passed, the points go into a child lot of the same grant; the old lot counts them as passed on.
-- So the points of the lots without child_of are what was issued, and every point is still in exactly one part.
ALTER TABLE lot ADD COLUMN child_of uuid REFERENCES lot;
ALTER TABLE lot ADD COLUMN passed_on bigint NOT NULL DEFAULT 0 CHECK (passed_on >= 0);
ALTER TABLE lot DROP CONSTRAINT every_point_once;
ALTER TABLE lot ADD CONSTRAINT every_point_once CHECK (
    points = remaining + held + reserved + redeemed + clawed_back + set_off + expired + forfeited + passed_on);
-- A claw-back is recalled from the grant's first lot, and may be taken from its children too.
ALTER TABLE lot DROP CONSTRAINT recalled_at_most_granted;
ALTER TABLE lot ADD CONSTRAINT recalled_at_most_granted CHECK (
    recalled <= points AND CASE WHEN child_of IS NULL THEN clawed_back <= recalled ELSE recalled = 0 END);
ALTER TABLE lot ADD CONSTRAINT child_has_another_id CHECK ((child_of IS NULL) = (lot_id = grant_id));
CREATE INDEX lot_child_of_grant ON lot (grant_id) WHERE child_of IS NOT NULL;
CREATE INDEX lot_child_of_lot ON lot (child_of) WHERE child_of IS NOT NULL;

-- What a lot passed on is what its children were opened with. Checked at commit.
CREATE FUNCTION check_passed_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE checked uuid := coalesce(NEW.child_of, NEW.lot_id);
BEGIN
    IF (SELECT passed_on FROM lot WHERE lot_id = checked)
        IS DISTINCT FROM (SELECT coalesce(sum(points), 0) FROM lot WHERE child_of = checked) THEN
        RAISE EXCEPTION 'the points that lot % passed on are not those of its children', checked
            USING ERRCODE = 'check_violation', CONSTRAINT = 'points_passed_on';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER points_passed_on_to_child AFTER INSERT ON lot
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.child_of IS NOT NULL) EXECUTE FUNCTION check_passed_on();
CREATE FUNCTION check_passed_on_of_parent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT passed_on FROM lot WHERE lot_id = NEW.lot_id)
        IS DISTINCT FROM (SELECT coalesce(sum(points), 0) FROM lot WHERE child_of = NEW.lot_id) THEN
        RAISE EXCEPTION 'the points that lot % passed on are not those of its children', NEW.lot_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'points_passed_on';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER points_passed_on AFTER UPDATE OF passed_on ON lot
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.passed_on <> OLD.passed_on)
    EXECUTE FUNCTION check_passed_on_of_parent();

-- Spent points given back, in whole or in part; `cause_id` is the event or request that asked for it.
CREATE TABLE restoration (
    restoration_id uuid        PRIMARY KEY,
    redemption_id  uuid        NOT NULL REFERENCES redemption,
    program_id     text        NOT NULL,
    member_id      text        NOT NULL,
    points         bigint      NOT NULL CHECK (points > 0),
    reason         text        NOT NULL,
    cause_id       text        NOT NULL,
    restored_at    timestamptz NOT NULL
);
CREATE INDEX restoration_of_redemption ON restoration (redemption_id);

-- Which lot had paid, and which got the points: the same, or its child.
CREATE TABLE restored_share (
    restoration_id uuid   NOT NULL REFERENCES restoration,
    redemption_id  uuid   NOT NULL,
    lot_id         uuid   NOT NULL,
    to_lot_id      uuid   NOT NULL REFERENCES lot,
    points         bigint NOT NULL CHECK (points > 0),
    PRIMARY KEY (restoration_id, lot_id),
    FOREIGN KEY (redemption_id, lot_id) REFERENCES allocation
);
CREATE INDEX restored_share_of_allocation ON restored_share (redemption_id, lot_id);

-- A restoration's shares sum to its points, and no allocation gets back more than it paid. Checked at commit.
CREATE FUNCTION check_restored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT points FROM restoration WHERE restoration_id = NEW.restoration_id)
        IS DISTINCT FROM (SELECT sum(points) FROM restored_share WHERE restoration_id = NEW.restoration_id) THEN
        RAISE EXCEPTION 'the shares of restoration % do not sum to its points', NEW.restoration_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'restoration_shared';
    END IF;
    IF EXISTS (SELECT FROM allocation a WHERE a.redemption_id = NEW.redemption_id AND a.points < (
                   SELECT sum(s.points) FROM restored_share s
                    WHERE s.redemption_id = a.redemption_id AND s.lot_id = a.lot_id)) THEN
        RAISE EXCEPTION 'more points of redemption % were given back than it took', NEW.redemption_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'restored_at_most_spent';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER restored AFTER INSERT OR UPDATE ON restoration
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_restored();
CREATE CONSTRAINT TRIGGER restored AFTER INSERT OR UPDATE ON restored_share
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_restored();

-- What the audit role may read of it. A view takes new columns at its end alone.
CREATE OR REPLACE VIEW audit_lot AS
    SELECT lot_id, grant_id, program_id, member_id, class, points, remaining, reserved, redeemed, clawed_back, set_off,
           expired, forfeited, recalled, posted_state, lot_state(lot, service_now()) AS state, available_at, expires_at,
           last_notice_at, granted_at, expected_cost_minor, currency, budget_id, rule_version, granted_event_id,
           correlation_id, causation_id, source_type, source_id, merchant_id, receipt_id, other_member_id, held,
           child_of, passed_on
    FROM lot;
CREATE VIEW audit_restoration AS
    SELECT restoration_id, redemption_id, program_id, member_id, points, cause_id, restored_at FROM restoration;
CREATE VIEW audit_restored_share AS
    SELECT restoration_id, redemption_id, lot_id, to_lot_id, points FROM restored_share;

-- Points that a till has reserved for part of a bill, until it captures or voids them, or their time is over.
CREATE TABLE point_authorization (
    authorization_id uuid        PRIMARY KEY,
    program_id       text        NOT NULL,
    member_id        text        NOT NULL,
    merchant_id      text        NOT NULL,
    receipt_id       text,
    idempotency_key  text        NOT NULL,
    body_hash        bytea       NOT NULL,
    points           bigint      NOT NULL CHECK (points >= 0),
    amount_minor     bigint      NOT NULL CHECK (amount_minor >= 0),
    currency         text        NOT NULL,
    rate_points      bigint      NOT NULL CHECK (rate_points > 0), -- so many points pay rate_minor minor units
    rate_minor       bigint      NOT NULL CHECK (rate_minor > 0),
    step_points      bigint      NOT NULL CHECK (step_points > 0),
    offset_day_id    text,
    limited_by       text,
    price_version    integer     NOT NULL,
    state            text        NOT NULL CHECK (state IN ('empty', 'placed', 'captured', 'voided', 'timed_out')),
    placed_at        timestamptz NOT NULL,
    releases_at      timestamptz NOT NULL,
    ended_at         timestamptz,
    captured_points  bigint      NOT NULL DEFAULT 0 CHECK (captured_points BETWEEN 0 AND points),
    captured_minor   bigint      NOT NULL DEFAULT 0 CHECK (captured_minor BETWEEN 0 AND amount_minor),
    redemption_id    uuid        REFERENCES redemption,
    refunded_minor   bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    given_back       bigint      NOT NULL DEFAULT 0 CHECK (given_back BETWEEN 0 AND captured_points),
    UNIQUE (program_id, member_id, idempotency_key),
    CONSTRAINT empty_reserves_nothing CHECK ((state = 'empty') = (points = 0)),
    CONSTRAINT captured_is_redeemed CHECK ((state = 'captured') = (redemption_id IS NOT NULL)
                                           AND (state = 'captured') = (captured_points > 0)),
    CONSTRAINT ended_has_its_time CHECK ((state IN ('empty', 'placed')) = (ended_at IS NULL)),
    CONSTRAINT given_back_in_proportion CHECK (
        given_back = CASE captured_minor WHEN 0 THEN 0 ELSE captured_points * refunded_minor / captured_minor END)
);
CREATE UNIQUE INDEX authorization_of_redemption ON point_authorization (redemption_id)
    WHERE redemption_id IS NOT NULL;
CREATE INDEX authorization_to_release ON point_authorization (releases_at) WHERE state = 'placed';

-- Which lots it reserved.
CREATE TABLE authorization_share (
    authorization_id uuid   NOT NULL REFERENCES point_authorization,
    lot_id           uuid   NOT NULL REFERENCES lot,
    points           bigint NOT NULL CHECK (points > 0),
    PRIMARY KEY (authorization_id, lot_id)
);
CREATE INDEX authorization_share_of_lot ON authorization_share (lot_id);

-- An authorization's shares sum to its points, and a lot's reserved points are the shares of what is still placed.
-- Checked at commit, under the wallet's lock.
CREATE FUNCTION check_reserved_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.points <> (SELECT coalesce(sum(points), 0) FROM authorization_share
                       WHERE authorization_id = NEW.authorization_id) THEN
        RAISE EXCEPTION 'the shares of authorization % do not sum to its points', NEW.authorization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'authorization_shared';
    END IF;
    IF EXISTS (SELECT FROM authorization_share mine JOIN lot l USING (lot_id)
                WHERE mine.authorization_id = NEW.authorization_id AND l.reserved <> (
                      SELECT coalesce(sum(s.points), 0) FROM authorization_share s JOIN point_authorization a
                             USING (authorization_id)
                       WHERE s.lot_id = l.lot_id AND a.state = 'placed')) THEN
        RAISE EXCEPTION 'a lot of authorization % reserves other points than its authorizations', NEW.authorization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reserved_points_authorized';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reserved_points_authorized AFTER INSERT OR UPDATE OF state, points ON point_authorization
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_reserved_points();

CREATE FUNCTION check_lot_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT reserved FROM lot WHERE lot_id = NEW.lot_id) <> (
        SELECT coalesce(sum(s.points), 0) FROM authorization_share s JOIN point_authorization a USING (authorization_id)
         WHERE s.lot_id = NEW.lot_id AND a.state = 'placed') THEN
        RAISE EXCEPTION 'lot % reserves other points than its authorizations', NEW.lot_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reserved_points_authorized';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reserved_points_authorized AFTER UPDATE OF reserved ON lot
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.reserved <> OLD.reserved)
    EXECUTE FUNCTION check_lot_reserved();

-- What earning told of refunds of bills that points had paid, one row per event; nothing goes back where all has.
CREATE TABLE tender_refund (
    tender_refund_id uuid        PRIMARY KEY, -- the id of its points.tender_refunded
    authorization_id uuid        NOT NULL REFERENCES point_authorization,
    program_id       text        NOT NULL,
    member_id        text        NOT NULL,
    refund_id        text        NOT NULL,
    amount_minor     bigint      NOT NULL CHECK (amount_minor >= 0), -- cumulative, as told
    points           bigint      NOT NULL CHECK (points >= 0),       -- given back for it
    restoration_id   uuid        REFERENCES restoration,
    told_at          timestamptz NOT NULL,
    CONSTRAINT points_by_a_restoration CHECK ((points > 0) = (restoration_id IS NOT NULL))
);
CREATE INDEX tender_refund_of_authorization ON tender_refund (authorization_id);

CREATE VIEW audit_authorization AS
    SELECT authorization_id, program_id, member_id, merchant_id, receipt_id, points, amount_minor, currency, rate_points,
           rate_minor, step_points, price_version, state, placed_at, releases_at, ended_at, captured_points,
           captured_minor, redemption_id, refunded_minor, given_back
    FROM point_authorization;
CREATE VIEW audit_authorization_share AS SELECT authorization_id, lot_id, points FROM authorization_share;
CREATE VIEW audit_tender_refund AS
    SELECT tender_refund_id, authorization_id, program_id, member_id, refund_id, amount_minor, points, restoration_id,
           told_at
    FROM tender_refund;

-- The till's common case in one round trip: nothing is due by the clock, the points asked for are there. Both functions
-- answer no row where anything else is the case and have written nothing then; the service decides step by step instead.
-- What they write is what it would have written (a test holds the two against each other).
CREATE FUNCTION till_time(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- Whether the clock has done something to the wallet that the journal does not say yet.
CREATE FUNCTION clock_is_behind(program text, member text, moment timestamptz) RETURNS boolean LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT FROM lot AS l WHERE l.program_id = program AND l.member_id = member
       AND (l.posted_state = 'pending' AND NOT still_pending(l.available_at, moment)
            OR l.remaining > 0 AND lot_state(l, moment) = 'expired'));

-- `asked` holds the columns of the authorization that do not depend on the wallet; the answer to them holds from
-- `holds_from` until `holds_until` (one version, one day). `envelope` and `told` are its event without what is found here.
CREATE FUNCTION authorize_at_till(
    asked point_authorization, holds_from timestamptz, holds_until timestamptz, releases_after interval,
    event uuid, cause uuid, event_type text, record_key text, envelope jsonb, told jsonb
) RETURNS SETOF point_authorization LANGUAGE plpgsql AS $$
DECLARE
    moment    timestamptz := service_now();
    spendable bigint;
    shares    jsonb;
BEGIN
    PERFORM FROM wallet AS w
      WHERE w.program_id = asked.program_id AND w.member_id = asked.member_id AND w.closed_at IS NULL FOR UPDATE;
    IF NOT FOUND OR moment < holds_from OR moment >= holds_until
       OR EXISTS (SELECT FROM member AS m WHERE m.program_id = asked.program_id AND m.member_id = asked.member_id
                     AND m.listed_party)
       OR EXISTS (SELECT FROM point_authorization AS a WHERE a.program_id = asked.program_id
                     AND a.member_id = asked.member_id AND a.idempotency_key = asked.idempotency_key)
       OR clock_is_behind(asked.program_id, asked.member_id, moment) THEN
        RETURN;
    END IF;
    SELECT sum(l.remaining),
           jsonb_agg(jsonb_build_object('lot_id', l.lot_id, 'grant_id', l.grant_id,
                                        'points', least(l.remaining, asked.points - l.earlier)) ORDER BY l.earlier)
               FILTER (WHERE l.earlier < asked.points)
      INTO spendable, shares
      FROM (SELECT o.lot_id, o.grant_id, o.remaining, sum(o.remaining) OVER (
                       ORDER BY coalesce(o.expires_at, 'infinity'), o.granted_at, o.lot_id) - o.remaining AS earlier
              FROM lot AS o
             WHERE o.program_id = asked.program_id AND o.member_id = asked.member_id
               AND o.remaining > 0 AND o.posted_state = 'available') AS l;
    IF spendable IS NULL OR spendable < asked.points THEN
        RETURN;
    END IF;
    asked.state := 'placed';
    asked.placed_at := moment;
    asked.releases_at := moment + releases_after;
    asked.captured_points := 0;
    asked.captured_minor := 0;
    asked.refunded_minor := 0;
    asked.given_back := 0;
    INSERT INTO point_authorization SELECT (asked).*;
    WITH share AS (
        SELECT (s->>'lot_id')::uuid AS lot_id, (s->>'grant_id')::uuid AS grant_id, (s->>'points')::bigint AS points, place
          FROM jsonb_array_elements(shares) WITH ORDINALITY AS e (s, place)
    ), lots AS (
        UPDATE lot AS l SET remaining = l.remaining - s.points, reserved = l.reserved + s.points
          FROM share AS s WHERE l.lot_id = s.lot_id
    ), kept AS (
        INSERT INTO authorization_share (authorization_id, lot_id, points)
        SELECT asked.authorization_id, lot_id, points FROM share
    ), posted AS (
        INSERT INTO journal (program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                             cause_key, cause_id, business_time, posted_at, row_hash)
        SELECT asked.program_id, asked.member_id, lot_id, grant_id, 'available', 'reserved', points, event_type, cause,
               event::text, moment, moment,
               journal_hash(asked.program_id, asked.member_id, lot_id, grant_id, 'available', 'reserved', points,
                            event_type, cause, event::text, moment, moment)
          FROM share ORDER BY place
    )
    INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload)
    VALUES ('redemption.orders.v1', convert_to(record_key, 'UTF8'), event_type, event,
            convert_to((envelope || jsonb_build_object('time', till_time(moment), 'data', told || jsonb_build_object(
                'allocations', shares, 'releases_at', till_time(asked.releases_at), 'balance_before', spendable,
                'balance_after', spendable - asked.points)))::text, 'UTF8'));
    RETURN NEXT asked;
END $$;

-- All the reserved points pay. `events` and `causes` are of points.redeemed and authorization.captured.
CREATE FUNCTION capture_at_till(
    wanted uuid, of_program text, of_merchant text, wished bigint, receipt text, redemption uuid, events uuid[],
    causes uuid[], types text[], paid_for text
) RETURNS SETOF point_authorization LANGUAGE plpgsql AS $$
DECLARE
    moment    timestamptz := service_now();
    was       point_authorization;
    spendable bigint;
    shares    jsonb;
    common    jsonb;
    envelope  jsonb;
BEGIN
    PERFORM FROM wallet AS w, point_authorization AS a
      WHERE a.authorization_id = wanted AND w.program_id = a.program_id AND w.member_id = a.member_id FOR UPDATE OF w;
    SELECT * INTO was FROM point_authorization WHERE authorization_id = wanted;
    IF was.authorization_id IS NULL OR was.program_id <> of_program
       OR was.merchant_id <> coalesce(of_merchant, was.merchant_id) OR was.state <> 'placed'
       OR moment >= was.releases_at OR was.points <> coalesce(wished, was.points)
       OR clock_is_behind(was.program_id, was.member_id, moment) THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(remaining), 0) INTO spendable FROM lot AS l
     WHERE l.program_id = was.program_id AND l.member_id = was.member_id AND l.remaining > 0
       AND l.posted_state = 'available';
    SELECT jsonb_agg(jsonb_build_object('lot_id', s.lot_id, 'grant_id', l.grant_id, 'points', s.points)
                     ORDER BY coalesce(l.expires_at, 'infinity'), l.granted_at, l.lot_id)
      INTO shares
      FROM authorization_share AS s, LATERAL (SELECT * FROM lot WHERE lot_id = s.lot_id OFFSET 0) AS l
     WHERE s.authorization_id = wanted;
    INSERT INTO redemption (redemption_id, program_id, member_id, points, idempotency_key, body_hash, reason,
                            requested_at, available_before)
    VALUES (redemption, was.program_id, was.member_id, was.points, 'authorization ' || wanted, was.body_hash, paid_for,
            moment, spendable + was.points);
    UPDATE point_authorization AS a
       SET state = 'captured', ended_at = moment, receipt_id = coalesce(receipt, a.receipt_id),
           captured_points = a.points, captured_minor = a.amount_minor, redemption_id = redemption
     WHERE a.authorization_id = wanted RETURNING * INTO was;
    common := jsonb_build_object('program_id', was.program_id, 'member_id', was.member_id, 'causation_id', wanted,
                                 'correlation_id', wanted);
    envelope := jsonb_build_object('specversion', '1.0', 'source', '/redemption', 'subject', was.member_id,
                                   'time', till_time(moment), 'datacontenttype', 'application/json',
                                   'partitionkey', was.program_id || '/' || was.member_id);
    WITH share AS (
        SELECT (s->>'lot_id')::uuid AS lot_id, (s->>'grant_id')::uuid AS grant_id, (s->>'points')::bigint AS points, place
          FROM jsonb_array_elements(shares) WITH ORDINALITY AS e (s, place)
    ), lots AS (
        UPDATE lot AS l SET reserved = l.reserved - s.points, redeemed = l.redeemed + s.points
          FROM share AS s WHERE l.lot_id = s.lot_id
    ), paid AS (
        INSERT INTO allocation (redemption_id, lot_id, points) SELECT redemption, lot_id, points FROM share
    ), posted AS (
        INSERT INTO journal (program_id, member_id, lot_id, grant_id, from_account, to_account, points, cause_type,
                             cause_key, cause_id, business_time, posted_at, row_hash)
        SELECT was.program_id, was.member_id, lot_id, grant_id, 'reserved', 'redeemed', points, types[1], causes[1],
               events[1]::text, moment, moment,
               journal_hash(was.program_id, was.member_id, lot_id, grant_id, 'reserved', 'redeemed', points, types[1],
                            causes[1], events[1]::text, moment, moment)
          FROM share ORDER BY place
    )
    INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload)
    SELECT topic, convert_to(envelope->>'partitionkey', 'UTF8'), types[place], events[place],
           convert_to((envelope || jsonb_build_object('id', events[place], 'type', types[place],
                                                      'data', common || data))::text, 'UTF8')
      FROM (VALUES
          (1, 'points.wallets.v1', jsonb_build_object(
              'redemption_id', redemption, 'points', was.points, 'allocations', shares,
              'balance_before', spendable + was.points, 'balance_after', spendable, 'reason', paid_for)),
          (2, 'redemption.orders.v1', jsonb_strip_nulls(jsonb_build_object(
              'authorization_id', wanted, 'redemption_id', redemption, 'merchant_id', was.merchant_id,
              'receipt_id', was.receipt_id, 'points', was.points, 'amount_minor', was.amount_minor,
              'currency', was.currency, 'balance_before', spendable, 'balance_after', spendable)))
      ) AS told (place, topic, data)
     ORDER BY place;
    RETURN NEXT was;
END $$;
