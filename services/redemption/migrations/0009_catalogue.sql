-- What of the catalogue runs out, who claimed it, which purchases make eligible, and quotes.

-- Units taken of one line of a reward's stock in one period of it: in all, of a day, week or month, of a booking's slot
-- or of a draw's entries. `allowed` is what the version in force allowed when units were last taken.
CREATE TABLE stock_count (
    program_id text   NOT NULL,
    reward_id  text   NOT NULL,
    line       text   NOT NULL,
    period     text   NOT NULL,
    allowed    bigint NOT NULL CHECK (allowed >= 0),
    taken      bigint NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (program_id, reward_id, line, period),
    CONSTRAINT sold_at_most_the_stock CHECK (taken <= allowed)
);

-- Units of one reward that one member took, and on what they count; a line of an order is one claim. The member's limits
-- are sums of these, taken under the wallet's lock.
CREATE TABLE reward_claim (
    claim_id   uuid   PRIMARY KEY,
    program_id text   NOT NULL,
    member_id  text   NOT NULL,
    reward_id  text   NOT NULL,
    units      bigint NOT NULL CHECK (units > 0),
    given_back bigint NOT NULL DEFAULT 0,
    claimed_on date   NOT NULL, -- the business day whose limits and stock it counts on
    lines      text[] NOT NULL, -- of stock_count, beside `periods`
    periods    text[] NOT NULL,
    CONSTRAINT given_back_at_most_taken CHECK (given_back BETWEEN 0 AND units),
    CONSTRAINT lines_beside_periods CHECK (cardinality(lines) = cardinality(periods))
);
CREATE INDEX reward_claim_of_member ON reward_claim (program_id, member_id, reward_id, claimed_on);

-- Lines of receipts with a label that some reward asks for; each serves one claim (M43). A line that was clawed back
-- whole serves none.
CREATE TABLE purchased_line (
    program_id  text        NOT NULL,
    member_id   text        NOT NULL,
    merchant_id text        NOT NULL,
    receipt_id  text        NOT NULL,
    line_id     text        NOT NULL,
    grant_id    uuid        NOT NULL, -- the first grant that told it: its claw-backs count
    labels      text[]      NOT NULL,
    points      bigint      NOT NULL CHECK (points >= 0),
    clawed_back bigint      NOT NULL DEFAULT 0 CHECK (clawed_back >= 0),
    bought_at   timestamptz NOT NULL,
    claim_id    uuid        REFERENCES reward_claim, -- the one it served
    PRIMARY KEY (program_id, member_id, merchant_id, receipt_id, line_id)
);
CREATE INDEX purchased_line_unserved ON purchased_line (program_id, member_id, bought_at) WHERE claim_id IS NULL;
CREATE INDEX purchased_line_served ON purchased_line (claim_id) WHERE claim_id IS NOT NULL;
CREATE INDEX purchased_line_of_grant ON purchased_line (grant_id);

-- A price promised until `expires_at` (C16). It reserves nothing.
CREATE TABLE quote (
    quote_id        uuid        PRIMARY KEY,
    program_id      text        NOT NULL,
    member_id       text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_hash       bytea       NOT NULL,
    version         integer     NOT NULL, -- of the program, whose terms it promises
    lines           jsonb       NOT NULL, -- reward_id, quantity, slot, and points and money_minor of one claim
    quoted_at       timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL CHECK (expires_at > quoted_at),
    UNIQUE (program_id, member_id, idempotency_key)
);

CREATE VIEW audit_stock_count AS SELECT program_id, reward_id, line, period, allowed, taken FROM stock_count;
CREATE VIEW audit_reward_claim AS
    SELECT claim_id, program_id, member_id, reward_id, units, given_back, claimed_on, lines, periods
    FROM reward_claim;
CREATE VIEW audit_purchased_line AS
    SELECT program_id, member_id, merchant_id, receipt_id, line_id, grant_id, points, clawed_back, bought_at, claim_id
    FROM purchased_line;
