-- Orders of rewards, from placed to fulfilled, returned, cancelled or exchanged; and refusals of every kind.

ALTER TABLE refusal
    ADD COLUMN subject    text NOT NULL DEFAULT 'redemption', -- what was asked for
    ADD COLUMN request_id text NOT NULL DEFAULT '',           -- what an appeal names
    ADD COLUMN reward_id  text,
    ADD COLUMN detail     text NOT NULL DEFAULT '';
CREATE INDEX refusal_by_time ON refusal (program_id, requested_at);
CREATE OR REPLACE VIEW audit_refusal AS
    SELECT refusal_id, program_id, member_id, code, points, available, requested_at, subject, request_id, reward_id
      FROM refusal;

-- One request, one order: all its lines or none, paid by one debit. An exchange's new order costs no points of its own:
-- it takes over a part of the debit of the order it came from. Money is in minor units.
CREATE TABLE reward_order (
    order_id        uuid        PRIMARY KEY,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    redemption_id   uuid        NOT NULL REFERENCES redemption DEFERRABLE INITIALLY DEFERRED,
    exchanged_from  uuid        REFERENCES reward_order,
    state           text        NOT NULL
        CHECK (state IN ('placed', 'fulfilled', 'returned', 'exchanged', 'cancelled')),
    points          bigint      NOT NULL CHECK (points >= 0),
    amount_minor    bigint      NOT NULL CHECK (amount_minor >= 0), -- the money part
    currency        text        NOT NULL,
    price_version   integer     NOT NULL,                           -- of the program, whose prices and terms hold
    ordered_on      date        NOT NULL,                           -- the program's business day of those terms
    quote_id        text,
    recipient_ref   text,                                           -- who receives it; never an address (C14)
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    placed_at       timestamptz NOT NULL,
    CONSTRAINT one_order_per_key UNIQUE (program_id, member_id, idempotency_key)
);
CREATE INDEX order_of_member ON reward_order (program_id, member_id, placed_at, order_id);
CREATE INDEX order_of_redemption ON reward_order (redemption_id);
CREATE INDEX order_exchanged_from ON reward_order (exchanged_from) WHERE exchanged_from IS NOT NULL;

-- What one line of an order is and where its units are: handed over or cancelled whole, taken back unit by unit.
CREATE TABLE order_line (
    order_id            uuid        NOT NULL REFERENCES reward_order,
    line_id             text        NOT NULL,
    reward_id           text        NOT NULL,
    kind                text        NOT NULL,
    quantity            integer     NOT NULL CHECK (quantity > 0),
    units_per_claim     integer     NOT NULL CHECK (units_per_claim > 0),
    points              bigint      NOT NULL CHECK (points >= 0),         -- of the whole line
    amount_minor        bigint      NOT NULL CHECK (amount_minor >= 0),   -- and its money part
    slot                text,                                             -- of a booking
    begins_at           timestamptz,
    free_until          timestamptz,                                      -- from then on cancelling costs
    no_show_points      bigint      NOT NULL CHECK (no_show_points >= 0), -- so much, for each claim
    return_days         integer     NOT NULL CHECK (return_days >= 0),
    exclusion_confirmed boolean     NOT NULL,                             -- the member agreed to no return (C17)
    state               text        NOT NULL CHECK (state IN ('placed', 'fulfilled', 'cancelled')),
    fulfilled_at        timestamptz,
    return_until        timestamptz,                                      -- the first instant that is too late
    returned            integer     NOT NULL DEFAULT 0 CHECK (returned >= 0),  -- units
    exchanged           integer     NOT NULL DEFAULT 0 CHECK (exchanged >= 0), -- units
    PRIMARY KEY (order_id, line_id),
    CONSTRAINT units_once CHECK (returned + exchanged <= quantity),
    CONSTRAINT only_what_was_handed_over_comes_back CHECK (state = 'fulfilled' OR returned + exchanged = 0),
    CONSTRAINT fulfilled_says_when CHECK (num_nulls(fulfilled_at, return_until) = CASE state WHEN 'fulfilled' THEN 0 ELSE 2 END),
    CONSTRAINT booking_says_when CHECK (num_nulls(slot, begins_at, free_until) IN (0, 3))
);
CREATE INDEX order_line_of_reward ON order_line (reward_id);

-- What was done to an order after it was placed, and what each line gave back by it. One key, one change.
CREATE TABLE order_change (
    change_id       uuid        PRIMARY KEY,
    order_id        uuid        NOT NULL REFERENCES reward_order,
    kind            text        NOT NULL CHECK (kind IN ('fulfilled', 'returned', 'exchanged', 'cancelled')),
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    new_order_id    uuid        REFERENCES reward_order DEFERRABLE INITIALLY DEFERRED, -- of an exchange
    restoration_id  uuid        REFERENCES restoration DEFERRABLE INITIALLY DEFERRED,  -- where points went back
    points          bigint      NOT NULL CHECK (points >= 0),       -- given back; in an exchange, passed on
    points_kept     bigint      NOT NULL CHECK (points_kept >= 0),  -- what a late cancellation or a no-show cost
    amount_minor    bigint      NOT NULL CHECK (amount_minor >= 0), -- money given back; in an exchange, passed on
    defect          boolean     NOT NULL,
    no_show         boolean     NOT NULL,
    evidence_sha256 text,
    reason          text        NOT NULL,
    changed_at      timestamptz NOT NULL,
    CONSTRAINT one_change_per_key UNIQUE (order_id, idempotency_key),
    CONSTRAINT defects_are_shown CHECK (NOT defect OR evidence_sha256 IS NOT NULL),
    CONSTRAINT exchanged_for_an_order CHECK ((kind = 'exchanged') = (new_order_id IS NOT NULL)),
    CONSTRAINT points_are_restored CHECK (
        (restoration_id IS NOT NULL) = (kind IN ('returned', 'cancelled') AND points > 0))
);
CREATE TABLE order_change_line (
    change_id    uuid    NOT NULL REFERENCES order_change,
    line_id      text    NOT NULL,
    quantity     integer NOT NULL CHECK (quantity > 0),
    points       bigint  NOT NULL CHECK (points >= 0),
    points_kept  bigint  NOT NULL CHECK (points_kept >= 0),
    amount_minor bigint  NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (change_id, line_id)
);

-- An order costs what its lines cost; its debit is its own, unless it was exchanged from another. Checked at commit.
CREATE FUNCTION check_order_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT (sum(points), sum(amount_minor)) FROM order_line WHERE order_id = NEW.order_id)
        IS DISTINCT FROM (NEW.points::numeric, NEW.amount_minor::numeric)
       OR NEW.exchanged_from IS NULL AND NOT EXISTS (
           SELECT FROM redemption r WHERE r.redemption_id = NEW.redemption_id AND r.points = NEW.points
              AND (r.program_id, r.member_id) = (NEW.program_id, NEW.member_id)) THEN
        RAISE EXCEPTION 'the lines of order % do not sum to it, or its debit is another', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_adds_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER order_adds_up AFTER INSERT ON reward_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_adds_up();

-- A change gives back what its lines give back, and exactly that was restored or passed on to the new order; every
-- line knows all its changes, and no line gives back more than it cost. Checked at commit, under the wallet's lock.
CREATE FUNCTION check_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT (sum(points), sum(points_kept), sum(amount_minor)) FROM order_change_line
         WHERE change_id = NEW.change_id)
        IS DISTINCT FROM (NEW.points::numeric, NEW.points_kept::numeric, NEW.amount_minor::numeric)
       OR NEW.restoration_id IS NOT NULL AND NEW.points IS DISTINCT FROM
          (SELECT r.points FROM restoration r JOIN reward_order o USING (redemption_id)
            WHERE r.restoration_id = NEW.restoration_id AND o.order_id = NEW.order_id)
       OR NEW.kind = 'exchanged' AND (NEW.points, NEW.amount_minor) IS DISTINCT FROM
          (SELECT (o.points, o.amount_minor) FROM reward_order o JOIN reward_order given USING (redemption_id)
            WHERE o.order_id = NEW.new_order_id AND o.exchanged_from = NEW.order_id AND given.order_id = NEW.order_id)
    THEN
        RAISE EXCEPTION 'change % of an order does not give back what its lines do', NEW.change_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_change_adds_up';
    END IF;
    IF EXISTS (
        SELECT FROM order_line l LEFT JOIN LATERAL (
            SELECT coalesce(sum(c.quantity) FILTER (WHERE h.kind = 'returned'), 0) AS returned,
                   coalesce(sum(c.quantity) FILTER (WHERE h.kind = 'exchanged'), 0) AS exchanged,
                   coalesce(sum(c.quantity) FILTER (WHERE h.kind = 'fulfilled'), 0) AS fulfilled,
                   coalesce(sum(c.quantity) FILTER (WHERE h.kind = 'cancelled'), 0) AS cancelled,
                   coalesce(sum(c.points + c.points_kept), 0) AS points, coalesce(sum(c.amount_minor), 0) AS amount_minor
              FROM order_change h JOIN order_change_line c USING (change_id)
             WHERE h.order_id = l.order_id AND c.line_id = l.line_id) AS done ON true
         WHERE l.order_id = NEW.order_id
           AND ((l.returned, l.exchanged) IS DISTINCT FROM (done.returned, done.exchanged)
                OR done.fulfilled <> CASE l.state WHEN 'fulfilled' THEN l.quantity ELSE 0 END
                OR done.cancelled <> CASE l.state WHEN 'cancelled' THEN l.quantity ELSE 0 END
                OR done.points > l.points OR done.amount_minor > l.amount_minor
                OR done.points < l.points AND (l.state = 'cancelled' OR l.returned + l.exchanged = l.quantity)))
    THEN
        RAISE EXCEPTION 'the lines of order % are not what its changes made of them', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_lines_know_their_changes';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER order_change_adds_up AFTER INSERT ON order_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_change();

-- Whatever was once written of an order's past stays.
CREATE TRIGGER order_changes_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON order_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_change_lines_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON order_change_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW audit_order AS
    SELECT order_id, program_id, member_id, redemption_id, exchanged_from, state, points, amount_minor, currency,
           price_version, ordered_on, quote_id, placed_at
      FROM reward_order;
CREATE VIEW audit_order_line AS
    SELECT order_id, line_id, reward_id, kind, quantity, units_per_claim, points, amount_minor, slot, state,
           fulfilled_at, returned, exchanged
      FROM order_line;
CREATE VIEW audit_order_change AS
    SELECT change_id, order_id, kind, new_order_id, restoration_id, points, points_kept, amount_minor, changed_at
      FROM order_change;
CREATE VIEW audit_order_change_line AS
    SELECT change_id, line_id, quantity, points, points_kept, amount_minor FROM order_change_line;
