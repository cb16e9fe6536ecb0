"""Ways to falsify the books. Each is one statement that returns what it hit, and what mends it again.

`checks` are exactly those that must find it. `{hit}` in `mend` stands for what `spoil` returned as text; rows that
are deleted are kept meanwhile in the temporary table `kept`.
"""

from tests.integration.audit.corruption import Corruption, corruption
from tests.integration.audit.hold_corruptions import HOLD_CORRUPTIONS
from tests.integration.audit.seal_corruptions import SEAL_CORRUPTIONS
from tests.integration.audit.till_corruptions import TILL_CORRUPTIONS
from tests.integration.audit.voucher_corruptions import VOUCHER_CORRUPTIONS


def _case(
    name: str, checks: str | tuple[str, ...], spoil: str, mend: str, lifted: tuple[str, str] | None = None
) -> Corruption:
    """`{lot}` stands for a lot of which nothing was taken yet, `{place}` for where a record of redemption's lies."""
    spoil, mend = (text.replace("{lot}", _PLAIN_LOT).replace("{place}", _PLACE) for text in (spoil, mend))
    return corruption(name, checks, spoil, mend, lifted)


_PLAIN_LOT = """(SELECT lot_id FROM redemption.lot
    WHERE posted_state = 'available' AND remaining = points AND recalled = 0 ORDER BY lot_id LIMIT 1)"""
_PLACE = "topic = 'points.grants.v1' AND partition = split_part('{hit}', '@', 1)::integer"

CORRUPTIONS = (
    _case(
        "an expiry notice given by a message that nobody sent",
        "expiry notices",
        """INSERT INTO redemption.expiry_notice (notice_id, program_id, member_id, days, expires_at, points, told_at,
                                                 message_id, recorded_at)
           VALUES (gen_random_uuid(), 'fruit-shop', 'm', 7, now(), 1, now(), gen_random_uuid(), now())
           RETURNING notice_id""",
        "DELETE FROM redemption.expiry_notice WHERE notice_id = '{hit}'",
    ),
    _case(
        "an account closed for earning alone",
        "closed accounts",
        """UPDATE earning.member SET closed_at = now()
            WHERE member_id = (SELECT min(member_id) FROM earning.member) RETURNING member_id""",
        "UPDATE earning.member SET closed_at = NULL WHERE member_id = '{hit}'",
    ),
    _case(
        "an event that waits although it was decided",
        "sent on",
        """INSERT INTO earning.waiting_event (event_key, content_hash, program_id, member_id, event_type, arrival,
                                              deadline, record_key, record_value, headers, sent_on)
           SELECT event_key, content_hash, 'fruit-shop', 'm', 't', event_time, event_time, '', '', '[]', true
             FROM earning.inbox LIMIT 1 RETURNING event_key""",
        "DELETE FROM earning.waiting_event WHERE event_key = '{hit}'",
    ),
    _case(
        "points from nowhere in a lot",
        ("points equation", "lots and journal"),
        "UPDATE redemption.lot SET remaining = remaining + 1 WHERE lot_id = {lot} RETURNING lot_id",
        "UPDATE redemption.lot SET remaining = remaining - 1 WHERE lot_id = '{hit}'",
        ("redemption.lot", "every_point_once"),
    ),
    _case(
        "points moved within a lot",
        "lots and journal",
        "UPDATE redemption.lot SET remaining = remaining - 1, expired = 1 WHERE lot_id = {lot} RETURNING lot_id",
        "UPDATE redemption.lot SET remaining = remaining + 1, expired = 0 WHERE lot_id = '{hit}'",
    ),
    _case(
        "a journal row with other points",
        ("lots and journal", "journal hashes", "sealed blocks"),
        """UPDATE redemption.journal SET points = points + 1 WHERE from_account = 'issued' AND lot_id = {lot}
            RETURNING lot_id""",
        "UPDATE redemption.journal SET points = points - 1 WHERE from_account = 'issued' AND lot_id = '{hit}'",
    ),
    _case(
        "a deficit forgiven",
        ("points equation", "claw-backs and journal"),
        """UPDATE redemption.wallet SET deficit = deficit - 1 WHERE member_id =
           (SELECT min(member_id) FROM redemption.wallet WHERE deficit > 0) RETURNING member_id""",
        "UPDATE redemption.wallet SET deficit = deficit + 1 WHERE member_id = '{hit}'",
    ),
    _case(
        "a claw-back told otherwise",
        "claw-backs and journal",
        """UPDATE redemption.claw_back SET taken = taken - 1, waived = 1 WHERE claw_back_id =
           (SELECT claw_back_id FROM redemption.claw_back WHERE taken > 0 AND waived = 0 ORDER BY 1 LIMIT 1)
           RETURNING claw_back_id""",
        "UPDATE redemption.claw_back SET taken = taken + 1, waived = 0 WHERE claw_back_id = '{hit}'",
    ),
    _case(
        "a grant of other points than its lot",
        "both books",
        "UPDATE earning.issued_grant SET points = points + 1 WHERE grant_id = {lot} RETURNING grant_id",
        "UPDATE earning.issued_grant SET points = points - 1 WHERE grant_id = '{hit}'",
    ),
    _case(
        "a claw-back of other points in earning",
        "both books",
        """UPDATE earning.claw_back SET points = points + 1 WHERE claw_back_id =
           (SELECT claw_back_id FROM redemption.claw_back ORDER BY 1 LIMIT 1) RETURNING claw_back_id""",
        "UPDATE earning.claw_back SET points = points - 1 WHERE claw_back_id = '{hit}'",
    ),
    _case(
        "a decision lost",
        "one effect per event",
        """CREATE TEMP TABLE kept AS SELECT * FROM earning.decision WHERE outcome = 'registered' LIMIT 1;
           DELETE FROM earning.decision USING kept WHERE decision.event_key = kept.event_key
           RETURNING decision.event_key""",
        "INSERT INTO earning.decision SELECT * FROM kept",
    ),
    _case(
        "an inbox row lost",
        ("one effect per event", "offsets"),
        """CREATE TEMP TABLE kept AS SELECT * FROM redemption.inbox WHERE event_key =
            (SELECT cause_key FROM redemption.journal WHERE from_account = 'issued' AND lot_id = {lot});
            DELETE FROM redemption.inbox USING kept WHERE inbox.event_key = kept.event_key RETURNING {lot}""",
        "INSERT INTO redemption.inbox SELECT * FROM kept",
    ),
    _case(
        "a refusal without a reason",
        "one effect per event",
        """UPDATE earning.decision SET code = NULL WHERE event_key = (SELECT event_key FROM earning.decision
           WHERE outcome = 'declined' AND code = 'ISSUE_TO_UNSPECIFIED' ORDER BY 1 LIMIT 1) RETURNING event_id""",
        "UPDATE earning.decision SET code = 'ISSUE_TO_UNSPECIFIED' WHERE event_id = '{hit}'",
    ),
    _case(
        "a grant whose event was declined",
        "causes",
        """UPDATE earning.decision AS d SET outcome = 'declined', code = 'BUDGET_EXHAUSTED'
              FROM earning.issued_grant AS g WHERE g.event_key = d.event_key AND g.grant_id = {lot}
            RETURNING g.grant_id""",
        """UPDATE earning.decision AS d SET outcome = 'granted', code = NULL
             FROM earning.issued_grant AS g WHERE g.event_key = d.event_key AND g.grant_id = '{hit}'""",
    ),
    _case(
        "an allocation of other points",
        "allocations",
        """UPDATE redemption.allocation SET points = points + 1 WHERE (redemption_id, lot_id) =
           (SELECT redemption_id, lot_id FROM redemption.allocation ORDER BY 1, 2 LIMIT 1) RETURNING redemption_id""",
        """UPDATE redemption.allocation SET points = points - 1 WHERE (redemption_id, lot_id) =
           (SELECT redemption_id, lot_id FROM redemption.allocation ORDER BY 1, 2 LIMIT 1)""",
    ),
    _case(
        "an allocation to another member's lot",
        ("allocations", "look-through"),
        """CREATE TEMP TABLE kept AS SELECT * FROM redemption.allocation LIMIT 1;
            UPDATE redemption.allocation AS a SET lot_id = {lot} FROM kept
            WHERE (a.redemption_id, a.lot_id) = (kept.redemption_id, kept.lot_id) RETURNING a.redemption_id""",
        """UPDATE redemption.allocation AS a SET lot_id = kept.lot_id FROM kept
            WHERE a.redemption_id = '{hit}' AND a.lot_id = {lot}""",
    ),
    _case(
        "a lot that names another cause",
        "look-through",
        "UPDATE redemption.lot SET causation_id = causation_id || '?' WHERE lot_id = {lot} RETURNING lot_id",
        "UPDATE redemption.lot SET causation_id = rtrim(causation_id, '?') WHERE lot_id = '{hit}'",
    ),
    _case(
        "budget from nowhere",
        "budgets",
        """UPDATE earning.budget SET remainder_minor = remainder_minor - 1 WHERE budget_id =
           (SELECT min(budget_id) FROM earning.budget WHERE remainder_minor > 0) RETURNING budget_id""",
        "UPDATE earning.budget SET remainder_minor = remainder_minor + 1 WHERE budget_id = '{hit}'",
    ),
    _case(
        "a slice that spent less than its grants cost",
        "budgets",
        """UPDATE earning.budget_slice SET spent_minor = spent_minor - 1 WHERE (budget_id, partition) =
           (SELECT budget_id, partition FROM earning.budget_slice WHERE spent_minor > 1 ORDER BY 1, 2 LIMIT 1)
           RETURNING budget_id""",
        """UPDATE earning.budget_slice SET spent_minor = spent_minor + 1 WHERE (budget_id, partition) =
           (SELECT budget_id, partition FROM earning.budget_slice WHERE spent_minor > 0 ORDER BY 1, 2 LIMIT 1)""",
    ),
    _case(
        "a journal row backdated",
        ("journal hashes", "sealed blocks"),
        """UPDATE redemption.journal SET business_time = business_time - interval '1 microsecond'
           WHERE entry_id = (SELECT min(entry_id) FROM redemption.journal) RETURNING lot_id""",
        """UPDATE redemption.journal SET business_time = business_time + interval '1 microsecond'
           WHERE entry_id = (SELECT min(entry_id) FROM redemption.journal)""",
    ),
    _case(
        "an outbox row lost before the relay had it",
        "hand-over",
        """CREATE TEMP TABLE kept AS SELECT * FROM earning.outbox WHERE type = 'greenpoints.points.granted.v1';
           DELETE FROM earning.outbox USING kept WHERE outbox.id = kept.id RETURNING outbox.event_id""",
        "INSERT INTO earning.outbox SELECT * FROM kept",
    ),
    _case(
        "a dead letter's copy lost before the relay had it",
        "sent on",
        """CREATE TEMP TABLE kept AS SELECT * FROM earning.outbox WHERE type = 'dead-letter';
           DELETE FROM earning.outbox USING kept WHERE outbox.id = kept.id RETURNING outbox.aggregatetype""",
        "INSERT INTO earning.outbox SELECT * FROM kept",
    ),
    _case(
        "an event that waited lost",
        "sent on",
        """CREATE TEMP TABLE kept AS SELECT * FROM earning.waiting_event;
           DELETE FROM earning.waiting_event RETURNING 'earning.effects.v1'""",
        "INSERT INTO earning.waiting_event SELECT * FROM kept",
    ),
    _case(
        "a grant in Kafka passed over without booking it",
        "hand-over",
        """UPDATE redemption.partition_offset SET next_offset = next_offset + 1, ignored = ignored + 1
           WHERE topic = 'points.grants.v1' AND partition = (
               SELECT partition FROM earning.audit_relay AS r JOIN redemption.audit_offset AS o USING (topic, partition)
                WHERE topic = 'points.grants.v1' AND r.acknowledged_offset >= o.next_offset) RETURNING partition""",
        """UPDATE redemption.partition_offset SET next_offset = next_offset - 1, ignored = ignored - 1
           WHERE topic = 'points.grants.v1' AND partition = '{hit}'""",
    ),
    _case(
        "a lot lost",
        ("lots and journal", "one effect per event", "hand-over", "look-through"),
        """CREATE TEMP TABLE kept AS SELECT * FROM redemption.lot WHERE lot_id = {lot};
            DELETE FROM redemption.lot USING kept WHERE lot.lot_id = kept.lot_id RETURNING lot.lot_id""",
        "INSERT INTO redemption.lot SELECT * FROM kept",
    ),
    _case(
        "a grant lost that has its lot",
        ("causes", "look-through", "budgets", "hand-over"),
        """CREATE TEMP TABLE kept AS SELECT * FROM earning.issued_grant WHERE grant_id = {lot};
           DELETE FROM earning.issued_grant AS g USING kept WHERE g.grant_id = kept.grant_id RETURNING g.grant_id""",
        "INSERT INTO earning.issued_grant SELECT * FROM kept",
    ),
    _case(
        "an acknowledgement Kafka never gave",
        "relays",
        """UPDATE earning.relay_progress SET acknowledged_offset = acknowledged_offset + 1000000
           WHERE (topic, partition) = (SELECT topic, partition FROM earning.relay_progress LIMIT 1)
           RETURNING topic || '/' || partition""",
        """UPDATE earning.relay_progress SET acknowledged_offset = acknowledged_offset - 1000000
           WHERE topic || '/' || partition = '{hit}'""",
    ),
    _case(
        "an offset counted twice",
        "offsets",
        """UPDATE earning.partition_offset SET duplicate = duplicate + 1
           WHERE topic = 'pos.purchases.v1' AND partition = 3 RETURNING topic || '/' || partition""",
        "UPDATE earning.partition_offset SET duplicate = duplicate - 1 WHERE topic || '/' || partition = '{hit}'",
        ("earning.partition_offset", "every_offset_once"),
    ),
    _case(
        "an applied record called a duplicate",
        "offsets",
        """UPDATE earning.partition_offset SET duplicate = duplicate + 1, applied = applied - 1
           WHERE topic = 'pos.purchases.v1' AND partition = 3 RETURNING topic || '/' || partition""",
        """UPDATE earning.partition_offset SET duplicate = duplicate - 1, applied = applied + 1
           WHERE topic || '/' || partition = '{hit}'""",
    ),
    _case(
        "a dead letter removed",
        ("offsets", "sent on"),
        """CREATE TEMP TABLE kept AS SELECT * FROM earning.dead_letter LIMIT 1;
           DELETE FROM earning.dead_letter AS d USING kept WHERE d.dead_letter_id = kept.dead_letter_id
           RETURNING d.topic || '/' || d.partition""",
        "INSERT INTO earning.dead_letter SELECT * FROM kept",
    ),
    _case(
        "books ahead of the log",
        "log ends",
        """UPDATE redemption.partition_offset SET next_offset = next_offset + 1000, ignored = ignored + 1000
           WHERE topic = 'members.profiles.v1' AND partition = 2 RETURNING topic || '/' || partition""",
        """UPDATE redemption.partition_offset SET next_offset = next_offset - 1000, ignored = ignored - 1000
           WHERE topic || '/' || partition = '{hit}'""",
    ),
    _case(
        "a record hidden in a gap",
        "gaps",
        """CREATE TEMP TABLE kept AS SELECT o.partition, n AS passed FROM redemption.partition_offset AS o,
              generate_series(o.first_offset, o.next_offset - 1) AS n
             WHERE o.topic = 'points.grants.v1' AND o.ignored > 0 AND NOT EXISTS (SELECT FROM redemption.inbox AS i
                   WHERE (i.topic, i.partition, i.record_offset) = (o.topic, o.partition, n)) LIMIT 1;
            UPDATE redemption.partition_offset AS o SET gap = gap + 1, ignored = ignored - 1 FROM kept
             WHERE o.topic = 'points.grants.v1' AND o.partition = kept.partition;
            INSERT INTO redemption.offset_gap SELECT 'points.grants.v1', partition, passed, passed + 1 FROM kept
            RETURNING partition || '@' || from_offset""",
        """UPDATE redemption.partition_offset SET gap = gap - 1, ignored = ignored + 1 WHERE {place};
            DELETE FROM redemption.offset_gap WHERE {place}""",
    ),
    _case(
        "a unit sold that nobody claimed",
        "stock",
        """UPDATE redemption.stock_count SET taken = taken + 1 WHERE (program_id, reward_id, line, period) =
           (SELECT program_id, reward_id, line, period FROM redemption.stock_count WHERE taken < allowed
             ORDER BY 1, 2, 3, 4 LIMIT 1) RETURNING reward_id || ' ' || line""",
        "UPDATE redemption.stock_count SET taken = taken - 1 WHERE reward_id || ' ' || line = '{hit}'",
    ),
    _case(
        "a unit owed for that no order handed over",
        "settlement",
        """UPDATE redemption.settlement_entry SET units = units + 1
            WHERE entry_id = (SELECT min(entry_id) FROM redemption.settlement_entry) RETURNING order_id""",
        "UPDATE redemption.settlement_entry SET units = units - 1 WHERE order_id = '{hit}'",
    ),
    _case(
        "a claim that is not its statement",
        "settlement",
        """INSERT INTO redemption.settlement_claim (claim_id, program_id, payee_kind, payee_id, period, period_from,
                                                    period_to, units, owed_minor, currency, idempotency_key, body_hash,
                                                    person, claimed_at)
           SELECT gen_random_uuid(), program_id, payee_kind, payee_id, period, period_from, period_to, units, 1, 'CNY',
                  'k', '', 'p', now()
             FROM redemption.settlement_entry ORDER BY entry_id LIMIT 1 RETURNING payee_id || ' for ' || period""",
        "DELETE FROM redemption.settlement_claim WHERE idempotency_key = 'k'",
    ),
    _case(
        "a column for contact data",
        "contact data",
        "ALTER TABLE earning.member ADD COLUMN home_email text;\nSELECT 'earning.member.home_email'",
        "ALTER TABLE earning.member DROP COLUMN home_email",
    ),
    _case(
        "a door into another schema",
        "privileges",
        "GRANT USAGE ON SCHEMA earning TO redemption;\nSELECT 'schema earning'",
        "REVOKE USAGE ON SCHEMA earning FROM redemption",
    ),
    _case(
        "a table opened to everybody",
        "privileges",
        "GRANT SELECT ON earning.receipt TO PUBLIC;\nSELECT 'earning.receipt'",
        "REVOKE SELECT ON earning.receipt FROM PUBLIC",
    ),
    _case(
        "a column shown to the audit role",
        "privileges",
        "GRANT SELECT (member_id) ON earning.member TO greenpoints_audit;\nSELECT 'earning.member.member_id'",
        "REVOKE SELECT (member_id) ON earning.member FROM greenpoints_audit",
    ),
    _case(
        "the journal's trigger off",
        "append-only journal",
        "ALTER TABLE redemption.journal DISABLE TRIGGER journal_is_append_only;\nSELECT 'redemption.journal'",
        "ALTER TABLE redemption.journal ENABLE TRIGGER journal_is_append_only",
    ),
    _case(
        "the journal's trigger only for replicas",
        "append-only journal",
        "ALTER TABLE redemption.journal ENABLE REPLICA TRIGGER journal_is_append_only;\nSELECT 'redemption.journal'",
        "ALTER TABLE redemption.journal ENABLE TRIGGER journal_is_append_only",
    ),
    _case(
        "a trigger that refuses nothing",
        "append-only journal",
        """CREATE FUNCTION redemption.accept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
           CREATE OR REPLACE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption.journal
           FOR EACH STATEMENT EXECUTE FUNCTION redemption.accept();
           SELECT 'redemption.journal'""",
        """CREATE OR REPLACE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption.journal
           FOR EACH STATEMENT EXECUTE FUNCTION redemption.refuse_change();
           DROP FUNCTION redemption.accept()""",
    ),
    _case(
        "a function that lends its owner's rights",
        "privileges",
        """CREATE FUNCTION redemption.lend() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1';
           SELECT 'function redemption.lend()'""",
        "DROP FUNCTION redemption.lend()",
    ),
    _case(
        "the privilege to change the journal",
        "append-only journal",
        "GRANT UPDATE ON redemption.journal TO redemption;\nSELECT 'redemption.journal'",
        "REVOKE UPDATE ON redemption.journal FROM redemption",
    ),
    *HOLD_CORRUPTIONS,
    *SEAL_CORRUPTIONS,
    *VOUCHER_CORRUPTIONS,
    *TILL_CORRUPTIONS,
)
