-- What fulfilled units owe to partners (C28) and to the recipients of donations (C32), in money.

-- One row per payee: the days before `closed_before` are in statements that were claimed and matched. Entries share
-- this row's lock, a claim takes it alone: what comes late falls into the next statement, never into a closed one.
CREATE TABLE settlement_book (
    program_id    text NOT NULL,
    payee_kind    text NOT NULL CHECK (payee_kind IN ('partner', 'donation')),
    payee_id      text NOT NULL,
    closed_before date NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (program_id, payee_kind, payee_id)
);

-- Units handed over, and units that came back. A statement is the entries of one payee and period.
CREATE TABLE settlement_entry (
    entry_id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id       text        NOT NULL,
    payee_kind       text        NOT NULL,
    payee_id         text        NOT NULL, -- the partner, or the donation agreement
    document         text        NOT NULL, -- the number of its contract or agreement
    order_id         uuid        NOT NULL,
    line_id          text        NOT NULL,
    reward_id        text        NOT NULL,
    movement         text        NOT NULL CHECK (movement IN ('fulfilled', 'returned')),
    units            bigint      NOT NULL CHECK (units > 0),
    unit_price_minor bigint      NOT NULL CHECK (unit_price_minor >= 0),
    unit_fee_minor   bigint      NOT NULL CHECK (unit_fee_minor BETWEEN 0 AND unit_price_minor),
    currency         text        NOT NULL,
    settlement       text        NOT NULL CHECK (settlement IN ('week', 'month')),
    period           text        NOT NULL, -- names the statement: 2026-12, or 2026-W49
    period_from      date        NOT NULL,
    period_to        date        NOT NULL CHECK (period_to > period_from), -- the first day after
    happened_at      timestamptz NOT NULL,
    cause_id         uuid        NOT NULL, -- the event that tells it: order.fulfilled, order.returned, order.exchanged
    FOREIGN KEY (program_id, payee_kind, payee_id) REFERENCES settlement_book,
    CONSTRAINT one_entry_per_cause UNIQUE (cause_id, line_id, movement)
);
CREATE INDEX settlement_statement ON settlement_entry (program_id, payee_kind, payee_id, period, entry_id);
CREATE INDEX settlement_of_line ON settlement_entry (order_id, line_id);
CREATE UNIQUE INDEX fulfilled_once ON settlement_entry (order_id, line_id) WHERE movement = 'fulfilled';

CREATE FUNCTION refuse_settlement_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'settlement is append-only: % of % is refused; post a new row instead', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER settlement_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_settlement_change();

-- A line gives back at most what it owed, on the terms on which it owed it; checked at commit.
CREATE FUNCTION check_settlement_undone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE strayed bigint;
BEGIN
    SELECT count(*) INTO strayed
      FROM (SELECT sum(units) AS units FROM settlement_entry
             WHERE order_id = NEW.order_id AND line_id = NEW.line_id AND movement = 'returned') AS r
     WHERE NOT EXISTS (
        SELECT FROM settlement_entry f
         WHERE f.order_id = NEW.order_id AND f.line_id = NEW.line_id AND f.movement = 'fulfilled' AND f.units >= r.units
           AND (f.program_id, f.payee_kind, f.payee_id, f.unit_price_minor, f.unit_fee_minor)
             = (NEW.program_id, NEW.payee_kind, NEW.payee_id, NEW.unit_price_minor, NEW.unit_fee_minor));
    IF strayed > 0 THEN
        RAISE EXCEPTION 'more units of line % of order % came back than were handed over', NEW.line_id, NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_undone';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER settlement_undone AFTER INSERT ON settlement_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.movement = 'returned')
    EXECUTE FUNCTION check_settlement_undone();

-- A claim that matched its statement to the unit, one per statement; what it says is the statement from then on.
CREATE TABLE settlement_claim (
    claim_id        uuid        PRIMARY KEY,
    program_id      text        NOT NULL,
    payee_kind      text        NOT NULL,
    payee_id        text        NOT NULL,
    period          text        NOT NULL,
    period_from     date        NOT NULL,
    period_to       date        NOT NULL,
    units           bigint      NOT NULL, -- handed over less returned
    owed_minor      bigint      NOT NULL, -- below 0 where more came back than was handed over
    currency        text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    person          text        NOT NULL, -- who entered it
    claimed_at      timestamptz NOT NULL,
    document        text,                 -- of the payment, once it was made
    paid_on         date,
    payment_key     text,
    payment_hash    bytea,
    paid_by         text,
    FOREIGN KEY (program_id, payee_kind, payee_id) REFERENCES settlement_book,
    UNIQUE (program_id, payee_kind, payee_id, period),
    UNIQUE (program_id, idempotency_key),
    CONSTRAINT paid_whole CHECK (num_nulls(document, paid_on, payment_key, payment_hash, paid_by) IN (0, 5))
);

-- Every unit and minor unit of a claim is an entry's, and no entry joins a statement that was claimed.
CREATE FUNCTION check_claim_matched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM settlement_claim c
         WHERE (c.program_id, c.payee_kind, c.payee_id, c.period)
             = (NEW.program_id, NEW.payee_kind, NEW.payee_id, NEW.period)
           AND NOT EXISTS (
            SELECT FROM (
                SELECT sum(sign * units) AS units, sum(sign * units * (unit_price_minor - unit_fee_minor)) AS owed_minor
                  FROM settlement_entry e, LATERAL (SELECT CASE e.movement WHEN 'fulfilled' THEN 1 ELSE -1 END AS sign) AS s
                 WHERE (e.program_id, e.payee_kind, e.payee_id, e.period)
                     = (c.program_id, c.payee_kind, c.payee_id, c.period)) AS statement
             WHERE (statement.units, statement.owed_minor) = (c.units, c.owed_minor))) THEN
        RAISE EXCEPTION 'the claim of % for % is not its statement', NEW.payee_id, NEW.period
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claim_matched';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER claim_matched AFTER INSERT ON settlement_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_claim_matched();
CREATE CONSTRAINT TRIGGER claim_matched AFTER INSERT OR UPDATE ON settlement_claim
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_claim_matched();

CREATE VIEW audit_settlement_entry AS
    SELECT entry_id, program_id, payee_kind, payee_id, document, order_id, line_id, reward_id, movement, units,
           unit_price_minor, unit_fee_minor, currency, settlement, period, period_from, period_to, happened_at, cause_id
      FROM settlement_entry;
CREATE VIEW audit_settlement_claim AS
    SELECT claim_id, program_id, payee_kind, payee_id, period, period_from, period_to, units, owed_minor, currency, claimed_at,
           document, paid_on
      FROM settlement_claim;
