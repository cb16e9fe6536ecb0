-- Expiry (C20): warned 30 and 7 days before, expired only once the warnings are recorded; and closed accounts (C22).

-- Notices go out in the half day before the mark, so that a member has whole days, and so that a notice recorded in
-- time puts nothing off.
CREATE FUNCTION notice_due(expires_at timestamptz, days integer) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN expires_at - (days * 24 + 12) * interval '1 hour';

-- The first instant at which a lot has expired: its date, or 7 days (or its life, where that was shorter) after the
-- last owed notice was recorded, whichever is later; null while it never expires or a notice is still owed.
CREATE FUNCTION lapse(expires_at timestamptz, last_notice_at timestamptz, granted_at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN expires_at IS NOT NULL AND last_notice_at IS NOT NULL
            THEN greatest(expires_at, last_notice_at + least(168 * interval '1 hour', expires_at - granted_at)) END;
CREATE FUNCTION lapses_at(l lot) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lapse(l.expires_at, l.last_notice_at, l.granted_at);

-- Where a program's points expire by inactivity: the grant or order that the lot's date counts from. The sweeper moves
-- the date on after later ones; until it has, a lot of a member who was active in time does not expire. A function of
-- its own, and asked last: with a query in it lot_state could not be inlined.
ALTER TABLE lot ADD COLUMN active_at timestamptz;
CREATE FUNCTION active_since(l lot) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM lot AS later
                WHERE later.program_id = l.program_id AND later.member_id = l.member_id AND later.child_of IS NULL
                  AND later.granted_at > l.active_at AND later.granted_at < lapses_at(l))
    OR EXISTS (SELECT FROM redemption AS later
                WHERE later.program_id = l.program_id AND later.member_id = l.member_id
                  AND later.requested_at > l.active_at AND later.requested_at < lapses_at(l));

CREATE OR REPLACE FUNCTION lot_state(l lot, moment timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN l.posted_state = 'pending' AND still_pending(l.available_at, moment) THEN 'pending'
    WHEN moment >= lapse(l.expires_at, l.last_notice_at, l.granted_at) THEN
        CASE WHEN l.active_at IS NULL THEN 'expired' WHEN active_since(l) THEN 'available' ELSE 'expired' END
    ELSE 'available'
END;

-- When the next step towards a lot's expiry is due: its notices, then its expiry. Null = nothing to do: it never
-- expires, nothing is left of it, or it waits for a notice to be recorded. Not in the key of any other index and in no
-- predicate that spending changes, so that spending stays a heap-only update.
ALTER TABLE lot ADD COLUMN expiry_due_at timestamptz;
UPDATE lot SET expiry_due_at = notice_due(expires_at, 30) WHERE expires_at IS NOT NULL;
CREATE INDEX lot_expiry_due ON lot (expiry_due_at) WHERE expiry_due_at IS NOT NULL;

-- Points already issued never live shorter than they were promised.
CREATE FUNCTION refuse_shortening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'EXPIRY_SHORTENED: lot % lives until % and cannot be shortened to %',
                    OLD.lot_id, coalesce(OLD.expires_at::text, 'ever'), NEW.expires_at
        USING ERRCODE = 'check_violation', CONSTRAINT = 'expiry_never_shortened';
END $$;
CREATE TRIGGER expiry_never_shortened BEFORE UPDATE OF expires_at ON lot FOR EACH ROW
    WHEN (NEW.expires_at < coalesce(OLD.expires_at, 'infinity')) EXECUTE FUNCTION refuse_shortening();

-- Each points.expiring_soon, and when its message was recorded as given; one notice of a kind per lot and date.
CREATE TABLE expiry_notice (
    notice_id   uuid        PRIMARY KEY, -- the id of its event
    program_id  text        NOT NULL,
    member_id   text        NOT NULL,
    days        integer     NOT NULL CHECK (days IN (30, 7)),
    expires_at  timestamptz NOT NULL,
    points      bigint      NOT NULL CHECK (points > 0),
    told_at     timestamptz NOT NULL,
    message_id  uuid,
    recorded_at timestamptz,
    CHECK ((message_id IS NULL) = (recorded_at IS NULL))
);
CREATE TABLE expiry_notice_lot (
    lot_id     uuid        NOT NULL REFERENCES lot,
    expires_at timestamptz NOT NULL,
    days       integer     NOT NULL,
    notice_id  uuid        NOT NULL REFERENCES expiry_notice,
    PRIMARY KEY (lot_id, expires_at, days)
);
CREATE INDEX expiry_notice_lots ON expiry_notice_lot (notice_id);

CREATE VIEW audit_expiry_notice AS
    SELECT notice_id, program_id, member_id, days, expires_at, points, told_at, message_id, recorded_at
    FROM expiry_notice;
CREATE VIEW audit_expiry_notice_lot AS SELECT lot_id, expires_at, days, notice_id FROM expiry_notice_lot;

-- What an operator extended, answered alike for one idempotency key; `lots` as they were and are.
CREATE TABLE extension (
    extension_id    uuid        PRIMARY KEY,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    expires_at      timestamptz, -- null = never
    person          text        NOT NULL,
    reason          text        NOT NULL,
    lots            json        NOT NULL, -- [[lot, points, date before]]
    extended_at     timestamptz NOT NULL,
    UNIQUE (program_id, member_id, idempotency_key)
);
CREATE VIEW audit_extension AS
    SELECT extension_id, program_id, member_id, expires_at, person, lots, extended_at FROM extension;

-- An account that its member closed, once and for good; what it still held was given up with the member's word.
CREATE TABLE closure (
    program_id       text        NOT NULL,
    member_id        text        NOT NULL,
    closure_id       uuid        NOT NULL UNIQUE,
    event_id         uuid        NOT NULL, -- of its member.closed
    idempotency_key  text        NOT NULL,
    body_hash        bytea       NOT NULL,
    acknowledged     bigint      NOT NULL CHECK (acknowledged >= 0), -- points the member gave up knowingly
    unspent          bigint      NOT NULL CHECK (unspent >= 0),      -- points there were, held and reserved ones included
    forfeited        bigint      NOT NULL CHECK (forfeited >= 0),    -- points that were free and went at once
    closed_at        timestamptz NOT NULL,
    PRIMARY KEY (program_id, member_id),
    CONSTRAINT given_up_knowingly CHECK (forfeited <= unspent AND unspent <= acknowledged)
);
CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the account of member % was closed and stays closed; who comes back registers anew', OLD.member_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'closed_for_good';
END $$;
CREATE TRIGGER closed_for_good BEFORE UPDATE OF closed_at ON wallet FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
    EXECUTE FUNCTION refuse_reopening();

CREATE VIEW audit_closure AS
    SELECT program_id, member_id, closure_id, event_id, acknowledged, unspent, forfeited, closed_at FROM closure;
