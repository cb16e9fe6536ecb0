-- Vouchers, bought with points or given, and benefits: standing rights that burn no points. Money is in minor units.

-- A voucher that earning asked for. The sweeper issues it, and ends it where it is recalled.
CREATE TABLE voucher_request (
    request_id     uuid        PRIMARY KEY,
    event_id       text        NOT NULL, -- its voucher.requested
    program_id     text        NOT NULL,
    member_id      text        NOT NULL,
    offer_id       text        NOT NULL, -- the given voucher of the pack of rule_version
    rule_version   integer     NOT NULL,
    reason         text        NOT NULL,
    correlation_id text        NOT NULL,
    requested_at   timestamptz NOT NULL, -- that event's time
    budget_id      text,
    cost_minor     bigint      CHECK (cost_minor >= 0), -- what earning drew on the budget for it
    recall_id      text,                 -- its voucher.recalled
    recalled_at    timestamptz,
    state          text        NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'issued', 'recalled', 'closed')),
    CONSTRAINT recalled_by_an_event CHECK (
        (recall_id IS NULL) = (recalled_at IS NULL)
        AND (recall_id IS NULL) = (state IN ('requested', 'issued')))
);
CREATE INDEX voucher_request_to_do ON voucher_request (program_id, member_id) WHERE state IN ('requested', 'recalled');

-- One code, used once. The code itself is kept nowhere: it follows from a secret setting and the voucher's id.
CREATE TABLE voucher (
    voucher_id         uuid        PRIMARY KEY,
    program_id         text        NOT NULL,
    member_id          text        NOT NULL,
    code_sha256        bytea       NOT NULL UNIQUE CHECK (octet_length(code_sha256) = 32),
    offer_id           text        NOT NULL, -- the reward or given voucher of the pack of rule_version
    kind               text        NOT NULL
        CHECK (kind IN ('voucher_amount', 'voucher_threshold', 'voucher_percent', 'first_order')),
    rule_version       integer     NOT NULL,
    name_zh            text        NOT NULL,
    name_en            text        NOT NULL,
    amount_minor       bigint      CHECK (amount_minor > 0),
    percent_hundredths integer     CHECK (percent_hundredths BETWEEN 1 AND 10000), -- 250 is 2.5%
    max_minor          bigint      CHECK (max_minor > 0),
    threshold_minor    bigint      NOT NULL CHECK (threshold_minor >= 0),
    currency           text        NOT NULL,
    merchants          text[],     -- null: every merchant of the program; so with the lines
    skus               text[],
    categories         text[],
    labels             text[],
    order_id           uuid,
    line_id            text,
    unit               integer,    -- of the line, from 1
    request_id         uuid        UNIQUE REFERENCES voucher_request,
    correlation_id     text        NOT NULL,
    issued_at          timestamptz NOT NULL,
    valid_until        timestamptz NOT NULL, -- the first instant that is too late
    state              text        NOT NULL DEFAULT 'issued' CHECK (state IN ('issued', 'used', 'ended')),
    end_reason         text        CHECK (end_reason IN ('expired', 'returned', 'recalled', 'member_closed')),
    ended_at           timestamptz,
    CONSTRAINT one_unit_one_voucher UNIQUE (order_id, line_id, unit),
    CONSTRAINT bought_or_given CHECK (
        num_nulls(order_id, line_id, unit) IN (0, 3) AND (order_id IS NULL) = (request_id IS NOT NULL)),
    CONSTRAINT an_amount_or_a_percentage CHECK (
        (amount_minor IS NULL) = (percent_hundredths IS NOT NULL)
        AND (percent_hundredths IS NULL) = (max_minor IS NULL)), -- a percentage states its maximum (C05)
    CONSTRAINT ended_says_why CHECK (num_nulls(end_reason, ended_at) = CASE state WHEN 'ended' THEN 0 ELSE 2 END)
);
CREATE INDEX voucher_of_member ON voucher (program_id, member_id, issued_at, voucher_id);
CREATE INDEX voucher_to_expire ON voucher (valid_until) WHERE state = 'issued';

-- Each use, at a till. A use that was undone counts no longer.
CREATE TABLE voucher_use (
    use_id          uuid        PRIMARY KEY,
    voucher_id      uuid        NOT NULL REFERENCES voucher,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    merchant_id     text        NOT NULL,
    receipt_id      text,
    counted_minor   bigint      NOT NULL CHECK (counted_minor > 0), -- the lines of the bill that it is for
    amount_minor    bigint      NOT NULL CHECK (amount_minor > 0 AND amount_minor <= counted_minor),
    currency        text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    used_at         timestamptz NOT NULL,
    undone_at       timestamptz,
    undo_reason     text,
    CONSTRAINT one_use_per_key UNIQUE (program_id, merchant_id, idempotency_key),
    CONSTRAINT undone_says_why CHECK ((undone_at IS NULL) = (undo_reason IS NULL))
);
CREATE UNIQUE INDEX voucher_used_once ON voucher_use (voucher_id) WHERE undone_at IS NULL;

-- A voucher is used exactly while one use of it stands. Checked at commit.
CREATE FUNCTION check_voucher_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM voucher v WHERE v.voucher_id = NEW.voucher_id
                  AND (v.state = 'used') <> EXISTS (SELECT FROM voucher_use u
                                                     WHERE u.voucher_id = v.voucher_id AND u.undone_at IS NULL)) THEN
        RAISE EXCEPTION 'the state of voucher % and its uses disagree', NEW.voucher_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'voucher_used';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER voucher_used AFTER UPDATE OF state ON voucher
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_voucher_use();
CREATE CONSTRAINT TRIGGER voucher_used AFTER INSERT OR UPDATE ON voucher_use
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_voucher_use();

-- The budget lines that benefits draw on, and nothing else does: a hard stop (C04). The first version that names a
-- line says what was approved.
CREATE TABLE benefit_budget (
    program_id     text   NOT NULL,
    budget_id      text   NOT NULL,
    approved_minor bigint NOT NULL CHECK (approved_minor >= 0),
    used_minor     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (program_id, budget_id),
    CONSTRAINT used_at_most_approved CHECK (used_minor BETWEEN 0 AND approved_minor)
);

-- Each use of a standing right. One that was undone counts no longer; its cost went back to the budget.
CREATE TABLE benefit_use (
    use_id          uuid        PRIMARY KEY,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    benefit_id      text        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('service', 'gift', 'percent')),
    rule_version    integer     NOT NULL,
    period          text        NOT NULL, -- 2026-11, 2026 or lifetime
    times           integer     NOT NULL, -- the how-manieth of the period, from 1
    times_allowed   integer     NOT NULL,
    merchant_id     text        NOT NULL,
    receipt_id      text,
    amount_minor    bigint      NOT NULL CHECK (amount_minor > 0),
    currency        text        NOT NULL,
    budget_id       text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    used_at         timestamptz NOT NULL,
    undone_at       timestamptz,
    undo_reason     text,
    FOREIGN KEY (program_id, budget_id) REFERENCES benefit_budget,
    CONSTRAINT one_benefit_use_per_key UNIQUE (program_id, merchant_id, idempotency_key),
    CONSTRAINT within_times CHECK (times BETWEEN 1 AND times_allowed),
    CONSTRAINT undone_says_why CHECK ((undone_at IS NULL) = (undo_reason IS NULL))
);
CREATE UNIQUE INDEX benefit_used_so_often ON benefit_use (program_id, member_id, benefit_id, period, times)
    WHERE undone_at IS NULL;
CREATE INDEX benefit_use_of_budget ON benefit_use (program_id, budget_id);

-- What advisers composed for members of the top tier, from what is published for that tier (C24). Every version of a
-- plan stays; it holds no price and no terms of its own.
CREATE TABLE adviser_plan (
    plan_id      uuid        PRIMARY KEY,
    program_id   text        NOT NULL,
    member_id    text        NOT NULL,
    number       integer     NOT NULL CHECK (number > 0), -- of the member's plans; the highest counts
    tier_id      text        NOT NULL,
    rule_version integer     NOT NULL,
    benefits     text[]      NOT NULL,
    rewards      text[]      NOT NULL,
    words_zh     text        NOT NULL,
    words_en     text        NOT NULL,
    adviser      text        NOT NULL,
    composed_at  timestamptz NOT NULL,
    CONSTRAINT plans_of_a_member_in_turn UNIQUE (program_id, member_id, number),
    CONSTRAINT a_plan_says_something CHECK (cardinality(benefits) + cardinality(rewards) > 0)
);

CREATE VIEW audit_voucher_request AS
    SELECT request_id, event_id, program_id, member_id, offer_id, rule_version, correlation_id, requested_at, budget_id,
           cost_minor, recall_id, recalled_at, state
      FROM voucher_request;
CREATE VIEW audit_voucher AS
    SELECT voucher_id, program_id, member_id, code_sha256, offer_id, kind, rule_version, order_id, line_id, unit,
           request_id, correlation_id, issued_at, valid_until, state, end_reason, ended_at
      FROM voucher;
CREATE VIEW audit_voucher_use AS
    SELECT use_id, voucher_id, program_id, member_id, merchant_id, receipt_id, counted_minor, amount_minor, currency,
           used_at, undone_at
      FROM voucher_use;
CREATE VIEW audit_benefit_budget AS SELECT program_id, budget_id, approved_minor, used_minor FROM benefit_budget;
CREATE VIEW audit_benefit_use AS
    SELECT use_id, program_id, member_id, benefit_id, kind, rule_version, period, times, times_allowed, merchant_id,
           receipt_id, amount_minor, currency, budget_id, used_at, undone_at
      FROM benefit_use;
CREATE VIEW audit_adviser_plan AS
    SELECT plan_id, program_id, member_id, number, tier_id, rule_version, benefits, rewards, adviser, composed_at
      FROM adviser_plan;
