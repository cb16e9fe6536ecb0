"""Falsified holds, cases, notices, drops and referrals; each statement as in corruptions.py."""

from tests.integration.audit.corruption import Corruption, corruption

# Holds of redemption's: still open and binding points, and confirmed by a person.
_OPEN = "(SELECT hold_id FROM redemption.hold WHERE state = 'open' AND held > 1 ORDER BY hold_id LIMIT 1)"
_CONFIRMED = (
    "(SELECT hold_id FROM redemption.hold WHERE state = 'confirmed' AND forfeited > 0 ORDER BY hold_id LIMIT 1)"
)


def _case(
    name: str, checks: str | tuple[str, ...], spoil: str, mend: str, lifted: tuple[str, str] | None = None
) -> Corruption:
    return corruption(name, checks, spoil.replace("{open}", _OPEN).replace("{confirmed}", _CONFIRMED), mend, lifted)


HOLD_CORRUPTIONS: tuple[Corruption, ...] = (
    _case(
        "held points spent",
        ("lots and journal", "holds and journal"),
        """UPDATE redemption.lot SET held = held - 1, redeemed = redeemed + 1 WHERE lot_id =
           (SELECT min(lot_id::text)::uuid FROM redemption.lot WHERE held > 0) RETURNING lot_id""",
        "UPDATE redemption.lot SET held = held + 1, redeemed = redeemed - 1 WHERE lot_id = '{hit}'",
    ),
    _case(
        "a hold that lets go without a word",
        "holds and journal",
        "UPDATE redemption.hold SET held = held - 1, released = 1 WHERE hold_id = {open} RETURNING hold_id",
        "UPDATE redemption.hold SET held = held + 1, released = 0 WHERE hold_id = '{hit}'",
    ),
    _case(
        "a share of a hold raised",
        "holds and journal",
        """UPDATE redemption.hold_share SET points = points + 1 WHERE (hold_id, lot_id) =
           (SELECT hold_id, lot_id FROM redemption.hold_share WHERE points > 0 ORDER BY 1, 2 LIMIT 1)
           RETURNING hold_id""",
        """UPDATE redemption.hold_share SET points = points - 1 WHERE (hold_id, lot_id) =
           (SELECT hold_id, lot_id FROM redemption.hold_share WHERE points > 0 ORDER BY 1, 2 LIMIT 1)""",
    ),
    _case(
        "a wallet that forgot its hold",
        "holds and journal",
        """UPDATE redemption.wallet SET open_holds = open_holds - 1 WHERE (program_id, member_id) =
            (SELECT program_id, member_id FROM redemption.hold WHERE hold_id = {open}) RETURNING member_id""",
        "UPDATE redemption.wallet SET open_holds = open_holds + 1 WHERE member_id = '{hit}'",
    ),
    _case(
        "points forfeited that nobody named",
        ("holds and journal", "holds in both books"),
        "UPDATE redemption.hold SET named_points = 1 WHERE hold_id = {confirmed} RETURNING member_id",
        """UPDATE redemption.hold AS h SET named_points = f.confirmed_points FROM fraud_monitoring.hold AS f
            WHERE h.hold_id = f.hold_id::text AND h.member_id = '{hit}' AND h.state = 'confirmed'""",
    ),
    _case(
        "a hold ended by nobody",
        ("holds and journal", "holds in both books", "one effect per event"),
        """CREATE TEMP TABLE kept AS SELECT * FROM redemption.hold WHERE hold_id = {confirmed};
            UPDATE redemption.hold SET person = '', decided_event_id = gen_random_uuid()::text FROM kept
             WHERE hold.hold_id = kept.hold_id RETURNING hold.hold_id""",
        """UPDATE redemption.hold SET person = kept.person, decided_event_id = kept.decided_event_id FROM kept
            WHERE hold.hold_id = kept.hold_id""",
    ),
    _case(
        "a hold of another case",
        "holds in both books",
        "UPDATE redemption.hold SET case_id = 'x' || case_id WHERE hold_id = {open} RETURNING hold_id",
        "UPDATE redemption.hold SET case_id = substr(case_id, 2) WHERE hold_id = '{hit}'",
    ),
    _case(
        "a hold's event passed over",
        "holds handed over",
        """UPDATE redemption.partition_offset SET next_offset = next_offset + 1, ignored = ignored + 1
           WHERE (topic, partition) = (
               SELECT topic, partition FROM fraud_monitoring.audit_relay AS r JOIN redemption.audit_offset AS o
                      USING (topic, partition)
                WHERE topic = 'fraud.holds.v1' AND r.acknowledged_offset >= o.next_offset) RETURNING 'hold'""",
        """UPDATE redemption.partition_offset SET next_offset = next_offset - 1, ignored = ignored - 1
           WHERE (topic, partition) = (
               SELECT topic, partition FROM fraud_monitoring.audit_relay AS r JOIN redemption.audit_offset AS o
                      USING (topic, partition)
                WHERE topic = 'fraud.holds.v1' AND o.ignored > 0)""",
    ),
    _case(
        "a hold that notification never heard of",
        ("holds handed over", "offsets"),
        """CREATE TEMP TABLE kept AS SELECT i.* FROM notification.inbox AS i JOIN redemption.hold AS h
              ON h.placed_key = i.event_key ORDER BY h.hold_id LIMIT 1;
            DELETE FROM notification.inbox USING kept WHERE inbox.event_key = kept.event_key
            RETURNING (SELECT hold_id FROM redemption.hold WHERE placed_key = inbox.event_key)""",
        "INSERT INTO notification.inbox SELECT * FROM kept",
    ),
    _case(
        "a hold that nobody placed",
        ("holds handed over", "one effect per event"),
        """INSERT INTO redemption.hold (program_id, member_id, hold_id, scope, reason, deadline, case_id,
                                        placed_event_id, placed_key, correlation_id, placed_at, state, bound, held,
                                        taken_back, forfeited, released, person, note, decided_event_id, decided_key,
                                        decided_story, decided_at)
           VALUES ('fruit-shop', 'carl-0', 'out of thin air', 'member', 'r', now(), 'c', 'e', gen_random_uuid(), 's',
                   now(), 'released', 0, 0, 0, 0, 0, 'p', 'n', 'd', gen_random_uuid(), 's', now())
           RETURNING hold_id""",
        "DELETE FROM redemption.hold WHERE hold_id = '{hit}'",
    ),
    _case(
        "a hold without its signal",
        "cases",
        """UPDATE fraud_monitoring.hold SET signal_id = gen_random_uuid() WHERE hold_id =
           (SELECT min(hold_id::text)::uuid FROM fraud_monitoring.hold) RETURNING hold_id""",
        """UPDATE fraud_monitoring.hold AS h SET signal_id = (SELECT min(s.signal_id::text)::uuid
             FROM fraud_monitoring.signal AS s WHERE s.case_id = h.case_id) WHERE hold_id = '{hit}'""",
    ),
    _case(
        "a signal held twice",
        ("cases", "holds handed over"),
        """INSERT INTO fraud_monitoring.hold (hold_id, case_id, signal_id, program_id, member_id, scope, grant_ids,
                                              reason, deadline, causation_id, correlation_id, placed_at,
                                              placed_event_id)
           SELECT gen_random_uuid(), case_id, signal_id, program_id, member_id, scope, grant_ids, reason, deadline,
                  causation_id, correlation_id, placed_at, gen_random_uuid()
             FROM fraud_monitoring.hold WHERE state = 'placed' LIMIT 1 RETURNING hold_id""",
        "DELETE FROM fraud_monitoring.hold WHERE hold_id = '{hit}'",
    ),
    _case(
        "a case that decided itself",
        "cases",
        """UPDATE fraud_monitoring.fraud_case SET note = '' WHERE case_id =
           (SELECT min(case_id::text)::uuid FROM fraud_monitoring.fraud_case WHERE state = 'released')
           RETURNING case_id""",
        "UPDATE fraud_monitoring.fraud_case SET note = 'looked at' WHERE case_id = '{hit}'",
    ),
    _case(
        "a dead letter of a record that never was",
        "stream offsets",
        """UPDATE fraud_monitoring.dead_letter SET record_offset = record_offset + 1000000 WHERE dead_letter_id =
           (SELECT min(dead_letter_id::text)::uuid FROM fraud_monitoring.dead_letter)
           RETURNING topic || '/' || partition || '@' || record_offset""",
        """UPDATE fraud_monitoring.dead_letter SET record_offset = record_offset - 1000000
            WHERE topic || '/' || partition || '@' || record_offset = '{hit}'""",
    ),
    _case(
        "a cause told that never came",
        "notices",
        """UPDATE notification.notice_cause SET event_key = gen_random_uuid() WHERE position =
           (SELECT min(position) FROM notification.notice_cause) RETURNING event_key""",
        """UPDATE notification.notice_cause SET event_key = (SELECT n.cause_key FROM notification.notice AS n
             WHERE n.notice_id = notice_cause.notice_id) WHERE event_key = '{hit}'""",
    ),
    _case(
        "a message sent once too often",
        "notices",
        """INSERT INTO notification.message (message_id, notice_id, program_id, member_id, channel, state,
                                             told_event_id)
           SELECT gen_random_uuid(), notice_id, program_id, member_id, channel, 'sent', gen_random_uuid()
             FROM notification.message ORDER BY entry_id LIMIT 1 RETURNING message_id""",
        "DELETE FROM notification.message WHERE message_id = '{hit}'",
        ("notification.message", "one_message_per_notice_and_channel"),
    ),
    _case(
        "a message that was lost",
        "notices",
        """CREATE TEMP TABLE kept AS SELECT * FROM notification.message ORDER BY entry_id LIMIT 1;
            DELETE FROM notification.message AS m USING kept WHERE m.message_id = kept.message_id
            RETURNING m.notice_id""",
        """INSERT INTO notification.message OVERRIDING SYSTEM VALUE SELECT * FROM kept""",
    ),
    _case(
        "an address that outlived its erasure",
        "contact data",
        "UPDATE notification.contact SET email = 'ann@example.com' WHERE erased_at IS NOT NULL RETURNING member_id",
        "UPDATE notification.contact SET email = NULL WHERE member_id = '{hit}'",
    ),
    _case(
        "a drop of another member",
        ("causes", "look-through", "counters and tiers"),
        """UPDATE earning.recycling_drop SET member_id = member_id || '?' WHERE drop_key =
           (SELECT drop_key FROM earning.issued_grant WHERE drop_key IS NOT NULL ORDER BY grant_id LIMIT 1)
           RETURNING (SELECT min(grant_id::text) FROM earning.issued_grant AS g
                       WHERE g.drop_key = recycling_drop.drop_key)""",
        """UPDATE earning.recycling_drop SET member_id = rtrim(member_id, '?') WHERE drop_key =
           (SELECT drop_key FROM earning.issued_grant WHERE grant_id = '{hit}')""",
    ),
    _case(
        "an occasion of another member",
        ("causes", "look-through"),
        """UPDATE earning.occasion SET member_id = member_id || '?' WHERE kind = 'correction' AND outcome = 'granted'
           RETURNING (SELECT grant_id FROM earning.issued_grant AS g WHERE g.occasion_key = occasion.occasion_key)""",
        """UPDATE earning.occasion SET member_id = rtrim(member_id, '?')
            WHERE kind = 'correction' AND outcome = 'granted'""",
    ),
    _case(
        "an activity that counts without a grant",
        "causes",
        """INSERT INTO earning.activity_count VALUES (gen_random_uuid(), 'fruit-shop', 'ann', 'quiz-nobody-did',
           'lifetime', '1900-01-01', 1) RETURNING activity_id""",
        "DELETE FROM earning.activity_count WHERE activity_id = '{hit}'",
    ),
    _case(
        "a correction of more than was agreed",
        "corrections handed over",
        """UPDATE earning.correction SET points = points - 1 WHERE correction_id = 'eve-1'
           RETURNING (SELECT grant_id FROM earning.issued_grant AS g
                       WHERE g.event_key = correction.event_key)""",
        "UPDATE earning.correction SET points = points + 1 WHERE correction_id = 'eve-1'",
    ),
    _case(
        "a correction that one person asked for and approved",
        "corrections handed over",
        """UPDATE earning.correction SET decided_by = requested_by WHERE correction_id = 'eve-1'
           RETURNING correction_id""",
        "UPDATE earning.correction SET decided_by = 'jun' WHERE correction_id = '{hit}'",
        ("earning.correction", "approved_by_a_second_person"),
    ),
    _case(
        "a correction told to nobody",
        "corrections handed over",
        """UPDATE earning.correction SET event_id = gen_random_uuid(), event_key = gen_random_uuid()
            WHERE correction_id = 'eve-1' RETURNING correction_id""",
        """UPDATE earning.correction AS c SET event_id = d.event_id::uuid, event_key = d.event_key
             FROM earning.decision AS d
            WHERE d.event_type = 'greenpoints.correction.requested.v1' AND d.outcome = 'granted'
              AND c.correction_id = '{hit}'""",
    ),
    _case(
        "a debit of more than was agreed",
        ("debits handed over", "lots and journal", "points equation"),
        """UPDATE redemption.debit SET asked = asked + 1, short = short + 1 WHERE correction_id = 'eve-2'
           RETURNING debit_id""",
        "UPDATE redemption.debit SET asked = asked - 1, short = short - 1 WHERE debit_id = '{hit}'",
    ),
    _case(
        "a deficit that nobody allowed",
        "debits handed over",
        """UPDATE earning.correction SET may_leave_deficit = false WHERE correction_id = 'eve-2'
           RETURNING (SELECT debit_id FROM redemption.debit WHERE correction_id = 'eve-2')""",
        "UPDATE earning.correction SET may_leave_deficit = true WHERE correction_id = 'eve-2'",
    ),
    _case(
        "a debit that redemption never heard of",
        "debits handed over",
        """UPDATE earning.correction SET debit_id = gen_random_uuid() WHERE correction_id = 'eve-2'
           RETURNING correction_id""",
        """UPDATE earning.correction SET debit_id =
           (SELECT debit_id FROM redemption.debit WHERE correction_id = '{hit}') WHERE correction_id = '{hit}'""",
    ),
    _case(
        "a reward two levels up",
        ("causes", "look-through", "counters and tiers", "referrals handed over"),
        """UPDATE earning.referral_reward SET inviter_id = inviter_id || '?' WHERE referral_key =
           (SELECT referral_key FROM earning.referral_reward WHERE outcome = 'granted' ORDER BY 1 LIMIT 1)
           RETURNING invitee_id""",
        "UPDATE earning.referral_reward SET inviter_id = rtrim(inviter_id, '?') WHERE invitee_id = '{hit}'",
    ),
    _case(
        "a referral told to nobody",
        "referrals handed over",
        """UPDATE earning.referral SET qualified_id = gen_random_uuid() WHERE referral_key =
           (SELECT f.referral_key FROM earning.referral AS f JOIN earning.referral_reward AS w USING (referral_key)
             WHERE w.event_key IS NOT NULL ORDER BY 1 LIMIT 1) RETURNING invitee_id""",
        """UPDATE earning.referral AS f SET qualified_id = d.event_id::uuid
             FROM earning.referral_reward AS w JOIN earning.decision AS d ON d.event_key = w.event_key
            WHERE f.referral_key = w.referral_key AND f.invitee_id = '{hit}'""",
    ),
    _case(
        "a reversed referral that kept its points",
        ("causes", "both books"),
        """UPDATE earning.issued_grant SET clawed_back = clawed_back - 1 WHERE grant_id =
           (SELECT g.grant_id FROM earning.issued_grant AS g JOIN earning.referral AS f USING (referral_key, event_key)
             WHERE f.state = 'reversed' ORDER BY 1 LIMIT 1) RETURNING grant_id""",
        "UPDATE earning.issued_grant SET clawed_back = clawed_back + 1 WHERE grant_id = '{hit}'",
    ),
)
