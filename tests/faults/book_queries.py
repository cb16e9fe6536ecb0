"""What of earning's and redemption's schemas the picture shows.

Per section one query of (member or null, name, content).
"""

from dataclasses import dataclass

from tests.faults.record import SUSPECT_PREFIX


@dataclass(frozen=True, slots=True)
class Query:
    """`takes_instant`: $1 is the instant at which the clock is asked. `without` are beginnings of members' names whose
    rows are a race, and left out."""

    sql: str
    takes_instant: bool = False
    without: tuple[str, ...] = ()


QUERIES = {
    "member": Query(
        """
        SELECT m.member_id, m.member_id, json_build_object(
                   'registered', e.registered_at, 'granted', g.points, 'clawed_back', g.clawed_back,
                   'deficit', w.deficit, 'waived', w.waived, 'redeemed', l.redeemed, 'left', l.remaining,
                   'held', l.held, 'forfeited', l.forfeited)::text
          FROM (SELECT member_id FROM earning.member UNION SELECT member_id FROM redemption.wallet) AS m
          LEFT JOIN earning.member AS e USING (member_id)
          LEFT JOIN redemption.wallet AS w USING (member_id)
          LEFT JOIN (SELECT member_id, sum(points) AS points, sum(clawed_back) AS clawed_back
                       FROM earning.issued_grant GROUP BY 1) AS g USING (member_id)
          LEFT JOIN (SELECT member_id, sum(redeemed) AS redeemed, sum(remaining) AS remaining, sum(held) AS held,
                            sum(forfeited) AS forfeited
                       FROM redemption.lot GROUP BY 1) AS l USING (member_id)
        """
    ),
    "decision": Query(
        """
        SELECT d.member_id, event_source || '#' || event_id, concat_ws(' ',
               -- the same rewards, whether the link or the first order came last
               CASE WHEN event_type LIKE '%referral.accepted%' AND outcome = 'granted' THEN 'linked' ELSE outcome END,
               code, would_have_earned, event_type, event_time, correlation_id, receipt_key)
          FROM earning.decision AS d
        """
    ),
    "receipt": Query(
        """
        SELECT r.member_id, concat_ws('/', merchant_id, receipt_id), concat_ws(' ', r.member_id, event_id, outcome,
               code, rule_version, returned_points_minor, returned_voucher_minor, l.lines)
          FROM earning.receipt AS r LEFT JOIN (
               SELECT receipt_key, string_agg(concat_ws('/', line_id, sku, quantity, net_minor, refunded_quantity,
                                                        refunded_net_minor), ' ' ORDER BY line_id) AS lines
                 FROM earning.receipt_line GROUP BY 1) AS l USING (receipt_key)
        """
    ),
    "grant": Query(
        """
        SELECT g.member_id, grant_id::text, concat_ws(' ', member_id, class, budget_id, points, clawed_back, cost_minor,
               cost_returned_minor, lines, rule_version, event_time, 'from', available_at, 'to', expires_at,
               correlation_id)
          FROM earning.issued_grant AS g
        """
    ),
    "claw-back of earning": Query(
        """
        SELECT member_id, claw_back_id::text, concat_ws(' ', member_id, grant_id, refund_id, points, cost_minor)
          FROM earning.claw_back
        """
    ),
    "claw-back of redemption": Query(
        """
        SELECT member_id, claw_back_id::text, concat_ws(' ', member_id, grant_id, refund_id, policy, points, taken,
               set_off, already_gone, deficit, waived)
          FROM redemption.claw_back
        """
    ),
    "claim": Query(
        """
        SELECT member_id, claim_id::text, concat_ws(' ', member_id, event_id, receipt_key, line_id, sku, quantity,
               net_minor, state, settled_by)
          FROM earning.open_claim
        """
    ),
    "waiting": Query(
        "SELECT member_id, event_key::text, concat_ws(' ', member_id, sent_on) FROM earning.waiting_event"
    ),
    "drop": Query(
        """
        SELECT member_id, program_id || '/' || drop_id, concat_ws(' ', member_id, station_id, event_id, event_time,
               outcome, code, rule_version, collected, 'rejected', rejected)
          FROM earning.recycling_drop
        """
    ),
    "rejection of a drop": Query(
        """
        SELECT member_id, event_source || '#' || event_id, concat_ws(' ', member_id, drop_key, items, state)
          FROM earning.drop_rejection
        """
    ),
    "referral": Query(
        """
        SELECT invitee_id, program_id || '/' || invitee_id, concat_ws(' ', inviter_id, event_id, event_time, state,
               receipt_key, qualified_id, reversed_id, voucher_request_id, voucher_id, voucher_cost_minor,
               voucher_recall_id)
          FROM earning.referral
        """
    ),
    "reward for a referral": Query(
        """
        SELECT inviter_id, program_id || '/' || invitee_id, concat_ws(' ', inviter_id, event_key, reversal_key, outcome)
          FROM earning.referral_reward
        """
    ),
    "budget": Query(
        """
        SELECT NULL, concat_ws('/', program_id, budget_id), concat_ws(' ', approved_minor, sum(spent_minor))
          FROM earning.budget JOIN earning.budget_slice USING (program_id, budget_id)
         GROUP BY program_id, budget_id, approved_minor
        """
    ),
    "lot": Query(
        """
        SELECT member_id, grant_id::text, concat_ws(' ', member_id, class, points, 'left', remaining, reserved,
               redeemed, clawed_back, set_off, expired, forfeited, 'recalled', recalled, posted_state,
               'held', held, redemption.lot_state(l, $1), 'from', available_at, 'to', expires_at, granted_at,
               expected_cost_minor, budget_id, correlation_id, causation_id, source_id, receipt_id)
          FROM redemption.lot AS l
        """,
        takes_instant=True,
    ),
    "journal": Query(
        """
        SELECT member_id, concat_ws(' ', cause_type, cause_id, lot_id, from_account, to_account),
               concat_ws(' ', member_id, points,
                         CASE WHEN cause_type NOT LIKE '%redeemed%' THEN business_time END)
          FROM redemption.journal
        """,
        without=(SUSPECT_PREFIX,),
    ),
    "journal total": Query(
        """
        SELECT member_id, concat_ws(' ', member_id, from_account, to_account), concat_ws(' in ', sum(points), count(*))
          FROM redemption.journal GROUP BY member_id, from_account, to_account
        """,
        without=(SUSPECT_PREFIX,),
    ),
    "hold": Query(
        """
        SELECT member_id, member_id || ' ' || hold_id, concat_ws(' ', scope, grant_ids, asked, reason, case_id,
               placed_event_id, correlation_id, placed_at, state, person, note, decided_event_id, decided_story)
          FROM redemption.hold
        """
    ),
    "points of a hold": Query(
        """
        SELECT member_id, member_id || ' ' || hold_id, concat_ws(' ', bound, held, taken_back, forfeited, released,
               named_points, (SELECT string_agg(concat_ws(':', lot_id, points), ' ' ORDER BY lot_id)
                                FROM redemption.hold_share AS s
                               WHERE (s.program_id, s.member_id, s.hold_id) = (h.program_id, h.member_id, h.hold_id)))
          FROM redemption.hold AS h
        """,
        without=(SUSPECT_PREFIX,),
    ),
    # Whether a claw-back met its points held or not yet is open; that they are held in the end is not.
    "held of a member": Query(
        """
        SELECT member_id, member_id, concat_ws(' ', count(*), sum(held), sum(forfeited), sum(released),
                                               sum(bound - taken_back))
          FROM redemption.hold GROUP BY member_id
        """
    ),
    "redemption": Query(
        """
        SELECT member_id, concat_ws(' ', member_id, idempotency_key), concat_ws(' ', redemption_id, points,
               encode(body_hash, 'hex'), available_before, (
                   SELECT string_agg(concat_ws(':', lot_id, a.points), ' ' ORDER BY lot_id)
                     FROM redemption.allocation AS a WHERE a.redemption_id = r.redemption_id))
          FROM redemption.redemption AS r
        """
    ),
    "voucher requested": Query(
        """
        SELECT member_id, request_id::text, concat_ws(' ', member_id, offer_id, rule_version, requested_at, budget_id,
               cost_minor, recall_id, recalled_at)
          FROM redemption.voucher_request
        """
    ),
    # A voucher ends when its time has come, whatever the run; one that is recalled may have been issued before or not.
    "voucher": Query(
        """
        SELECT member_id, voucher_id::text, concat_ws(' ', member_id, offer_id, rule_version, order_id, unit,
               request_id, issued_at, valid_until, nullif(end_reason, 'expired'))
          FROM redemption.voucher
         WHERE end_reason IS DISTINCT FROM 'recalled'
        """
    ),
    # A request whose reply was lost is asked again, and refused again: one row each, so they are not counted.
    "refusal": Query(
        """
        SELECT DISTINCT member_id, concat_ws(' ', member_id, idempotency_key), concat_ws(' ', code, points, available)
          FROM redemption.refusal
        """
    ),
}
