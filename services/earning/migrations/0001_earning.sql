-- Earning's books: what was bought, what was decided, what was issued and what was taken back.
-- Points and money are bigint; money is minor units of the receipt's or program's currency.

-- Members as earning knows them: registered, and whether they are a listed party (C27).
CREATE TABLE member (
    program_id     text        NOT NULL,
    member_id      text        NOT NULL,
    registered_at  timestamptz NOT NULL,
    phone_verified boolean     NOT NULL,
    listed_party   boolean     NOT NULL,
    PRIMARY KEY (program_id, member_id)
);

-- Events of members not registered yet (C01). They go on by the outbox, unchanged, when the member registers or the
-- grace is over, and are decided when they come back; so they have no inbox row meanwhile. Until the last of them is
-- back, the member's later events queue behind them here: a refund must not overtake its purchase.
CREATE SEQUENCE waiting_order CACHE 1;
CREATE TABLE waiting_event (
    event_key    uuid        PRIMARY KEY,
    content_hash bytea       NOT NULL,
    program_id   text        NOT NULL,
    member_id    text        NOT NULL,
    event_type   text        NOT NULL,
    arrival      timestamptz NOT NULL,
    deadline     timestamptz NOT NULL,
    record_key   bytea       NOT NULL,
    record_value bytea       NOT NULL,
    headers      json        NOT NULL,
    position     bigint      NOT NULL DEFAULT nextval('waiting_order'),
    sent_on      boolean     NOT NULL DEFAULT false
);
CREATE INDEX waiting_of_member ON waiting_event (program_id, member_id);
CREATE INDEX waiting_due ON waiting_event (deadline) WHERE NOT sent_on;

-- One row per receipt of a merchant, whoever came first: its purchase, or a refund that names it (then event_key
-- is null). Both insert or change this row, so the second always sees the first.
CREATE TABLE receipt (
    receipt_key            uuid        PRIMARY KEY, -- a hash of program, merchant and receipt id
    program_id             text        NOT NULL,
    merchant_id            text        NOT NULL,
    receipt_id             text        NOT NULL,
    member_id              text,
    event_key              uuid,
    event_source           text,
    event_id               text,
    event_time             timestamptz,
    outcome                text        NOT NULL CHECK (outcome IN ('awaited', 'granted', 'declined')),
    code                   text,
    rule_version           integer,
    facts                  json,
    purchase               json,
    returned_points_minor  bigint      NOT NULL DEFAULT 0 CHECK (returned_points_minor >= 0),
    returned_voucher_minor bigint      NOT NULL DEFAULT 0 CHECK (returned_voucher_minor >= 0),
    revision               integer     NOT NULL DEFAULT 1,
    CONSTRAINT awaited_has_no_purchase CHECK ((outcome = 'awaited') = (purchase IS NULL))
);

CREATE INDEX receipt_of_id ON receipt (receipt_id);

-- The receipt's lines and what came back of each. Never more than was bought.
CREATE TABLE receipt_line (
    receipt_key        uuid        NOT NULL,
    line_id            text        NOT NULL,
    position           integer     NOT NULL,
    program_id         text        NOT NULL,
    member_id          text,
    sku                text        NOT NULL,
    event_time         timestamptz NOT NULL,
    quantity           integer     NOT NULL,
    net_minor          bigint      NOT NULL CHECK (net_minor >= 0),
    refunded_quantity  integer     NOT NULL DEFAULT 0 CHECK (refunded_quantity >= 0),
    refunded_net_minor bigint      NOT NULL DEFAULT 0 CHECK (refunded_net_minor >= 0),
    PRIMARY KEY (receipt_key, line_id),
    CONSTRAINT refunded_at_most_bought CHECK (
        refunded_quantity <= greatest(quantity, 0) AND refunded_net_minor <= net_minor)
);
CREATE INDEX receipt_line_to_refund ON receipt_line (program_id, member_id, sku)
    WHERE refunded_quantity < quantity AND member_id IS NOT NULL;

-- What became of each inbound event (invariant 2).
CREATE TABLE decision (
    event_key         uuid        PRIMARY KEY,
    program_id        text        NOT NULL,
    member_id         text,
    event_type        text        NOT NULL,
    event_source      text        NOT NULL,
    event_id          text        NOT NULL,
    event_time        timestamptz NOT NULL,
    arrival           timestamptz NOT NULL,
    outcome           text        NOT NULL CHECK (outcome IN (
                          'registered', 'granted', 'declined', 'clawed_back', 'nothing_to_take', 'open_claim',
                          'partly_open_claim', 'scheduled', 'nothing_to_schedule')),
    code              text,
    would_have_earned bigint      NOT NULL DEFAULT 0,
    receipt_key       uuid,
    correlation_id    text        NOT NULL
);
CREATE INDEX decision_of_event_id ON decision (event_id);
CREATE INDEX decision_of_receipt ON decision (receipt_key) WHERE receipt_key IS NOT NULL;

CREATE TABLE issued_grant (
    grant_id            uuid        PRIMARY KEY,
    event_key           uuid        NOT NULL,
    receipt_key         uuid        NOT NULL,
    program_id          text        NOT NULL,
    member_id           text        NOT NULL,
    class               text        NOT NULL CHECK (class IN ('CONSUMPTION', 'GREEN_ACTION', 'PROMO')),
    budget_id           text        NOT NULL,
    points              bigint      NOT NULL CHECK (points > 0),
    clawed_back         bigint      NOT NULL DEFAULT 0,
    cost_minor          bigint      NOT NULL CHECK (cost_minor >= 0),
    cost_returned_minor bigint      NOT NULL DEFAULT 0,
    lines               json        NOT NULL, -- [{line_id, sku, labels, points, clawed_back, rules: [[rule, points]]}]
    rule_version        integer     NOT NULL,
    event_time          timestamptz NOT NULL,
    available_at        timestamptz,
    expires_at          timestamptz,
    correlation_id      text        NOT NULL,
    CONSTRAINT clawed_back_at_most_granted CHECK (clawed_back BETWEEN 0 AND points),
    CONSTRAINT cost_returned_at_most_cost CHECK (cost_returned_minor BETWEEN 0 AND cost_minor)
);
CREATE INDEX issued_grant_of_receipt ON issued_grant (receipt_key);
CREATE INDEX issued_grant_of_event ON issued_grant (event_key);

CREATE TABLE claw_back (
    claw_back_id uuid   PRIMARY KEY, -- also the id of the event that tells it
    grant_id     uuid   NOT NULL,
    event_key    uuid   NOT NULL,    -- the refund
    program_id   text   NOT NULL,
    member_id    text   NOT NULL,
    refund_id    text   NOT NULL,
    points       bigint NOT NULL CHECK (points > 0),
    cost_minor   bigint NOT NULL CHECK (cost_minor >= 0)
);
CREATE INDEX claw_back_of_grant ON claw_back (grant_id);
CREATE INDEX claw_back_of_event ON claw_back (event_key);

-- Refund lines that matched no purchase yet. They change no balance and are settled when the purchase arrives.
CREATE TABLE open_claim (
    claim_id      uuid        PRIMARY KEY,
    event_key     uuid        NOT NULL, -- the refund
    event_source  text        NOT NULL,
    event_id      text        NOT NULL,
    refund_id     text        NOT NULL,
    program_id    text        NOT NULL,
    member_id     text,
    receipt_key   uuid,                 -- the receipt it names, if it names one
    refunded_at   timestamptz NOT NULL,
    line_index    integer     NOT NULL,
    line_id       text,
    sku           text        NOT NULL,
    quantity      integer     NOT NULL CHECK (quantity >= 0),
    net_minor     bigint      NOT NULL CHECK (net_minor >= 0),
    points_minor  bigint,               -- what the refund's tenders say; null = it names no tenders
    voucher_minor bigint,
    state         text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled')),
    settled_by    uuid
);
CREATE INDEX open_claim_of_receipt ON open_claim (receipt_key) WHERE state = 'open' AND receipt_key IS NOT NULL;
CREATE INDEX open_claim_of_sku ON open_claim (program_id, member_id, sku) WHERE state = 'open' AND receipt_key IS NULL;

-- A budget line is marketing money approved once; a change of its amount is a new line. Slices of it are reserved
-- per partition, so that the hot path never meets on one row (C04, invariant 4).
CREATE TABLE budget (
    program_id      text   NOT NULL,
    budget_id       text   NOT NULL,
    approved_minor  bigint NOT NULL CHECK (approved_minor >= 0),
    remainder_minor bigint NOT NULL CHECK (remainder_minor BETWEEN 0 AND approved_minor),
    approver        text   NOT NULL,
    document        text   NOT NULL,
    PRIMARY KEY (program_id, budget_id)
);
CREATE TABLE budget_slice (
    program_id     text    NOT NULL,
    budget_id      text    NOT NULL,
    partition      integer NOT NULL,
    reserved_minor bigint  NOT NULL DEFAULT 0,
    spent_minor    bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (partition, program_id, budget_id),
    FOREIGN KEY (program_id, budget_id) REFERENCES budget,
    CONSTRAINT spent_at_most_reserved CHECK (spent_minor BETWEEN 0 AND reserved_minor)
);

CREATE INDEX budget_slice_of_budget ON budget_slice (program_id, budget_id);

-- Σ slices + remainder = approved, at every commit.
CREATE FUNCTION slices_fit_budget() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT b.program_id || '/' || b.budget_id INTO wrong
      FROM budget b
     WHERE b.program_id = NEW.program_id AND b.budget_id = NEW.budget_id
       AND b.approved_minor <> b.remainder_minor
           + (SELECT coalesce(sum(s.reserved_minor), 0) FROM budget_slice s
               WHERE s.program_id = b.program_id AND s.budget_id = b.budget_id);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'budget %: slices and remainder do not sum to what was approved', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slices_fit_budget AFTER INSERT OR UPDATE ON budget
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slices_fit_budget();
CREATE CONSTRAINT TRIGGER slices_fit_budget AFTER INSERT OR UPDATE OF reserved_minor ON budget_slice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slices_fit_budget();

CREATE VIEW audit_member AS SELECT program_id, member_id, registered_at FROM member;
CREATE VIEW audit_waiting AS
    SELECT event_key, program_id, member_id, event_type, arrival, deadline FROM waiting_event WHERE NOT sent_on;
CREATE VIEW audit_receipt AS
    SELECT receipt_key, program_id, merchant_id, receipt_id, member_id, event_key, outcome, code, rule_version FROM receipt;
CREATE VIEW audit_receipt_line AS SELECT * FROM receipt_line;
CREATE VIEW audit_decision AS SELECT * FROM decision;
CREATE VIEW audit_grant AS
    SELECT grant_id, event_key, receipt_key, program_id, member_id, class, budget_id, points, clawed_back, cost_minor,
           cost_returned_minor, rule_version, event_time, available_at, expires_at, correlation_id
      FROM issued_grant;
CREATE VIEW audit_claw_back AS SELECT * FROM claw_back;
CREATE VIEW audit_open_claim AS SELECT * FROM open_claim;
CREATE VIEW audit_budget AS SELECT program_id, budget_id, approved_minor, remainder_minor FROM budget;
CREATE VIEW audit_budget_slice AS SELECT * FROM budget_slice;
