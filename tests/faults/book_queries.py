"""What of the services' schemas the picture shows: per section one query of (member or null, name, content)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """`takes_instant`: $1 is the instant at which the clock is asked."""

    sql: str
    takes_instant: bool = False


QUERIES = {
    "member": Query(
        """
        SELECT m.member_id, m.member_id, json_build_object(
                   'registered', e.registered_at, 'granted', g.points, 'clawed_back', g.clawed_back,
                   'deficit', w.deficit, 'waived', w.waived, 'redeemed', l.redeemed, 'left', l.remaining)::text
          FROM (SELECT member_id FROM earning.member UNION SELECT member_id FROM redemption.wallet) AS m
          LEFT JOIN earning.member AS e USING (member_id)
          LEFT JOIN redemption.wallet AS w USING (member_id)
          LEFT JOIN (SELECT member_id, sum(points) AS points, sum(clawed_back) AS clawed_back
                       FROM earning.issued_grant GROUP BY 1) AS g USING (member_id)
          LEFT JOIN (SELECT member_id, sum(redeemed) AS redeemed, sum(remaining) AS remaining
                       FROM redemption.lot GROUP BY 1) AS l USING (member_id)
        """
    ),
    "decision": Query(
        """
        SELECT d.member_id, event_source || '#' || event_id, concat_ws(' ', outcome, code, would_have_earned,
               event_type, event_time, correlation_id, receipt_key)
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
               redemption.lot_state(l, $1), 'from', available_at, 'to', expires_at, granted_at, expected_cost_minor,
               budget_id, correlation_id, causation_id, source_id, receipt_id)
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
        """
    ),
    "journal total": Query(
        """
        SELECT member_id, concat_ws(' ', member_id, from_account, to_account), concat_ws(' in ', sum(points), count(*))
          FROM redemption.journal GROUP BY member_id, from_account, to_account
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
    # A request whose reply was lost is asked again, and refused again: one row each, so they are not counted.
    "refusal": Query(
        """
        SELECT DISTINCT member_id, concat_ws(' ', member_id, idempotency_key), concat_ws(' ', code, points, available)
          FROM redemption.refusal
        """
    ),
    "dead letter of earning": Query(
        """
        SELECT NULL, concat_ws(' ', topic, code, convert_from(record_key, 'UTF8'),
                               encode(sha256(coalesce(record_value, '')), 'hex')), count(*)
          FROM earning.dead_letter GROUP BY topic, code, record_key, record_value
        """
    ),
    "dead letter of redemption": Query(
        """
        SELECT NULL, concat_ws(' ', topic, code, convert_from(record_key, 'UTF8'),
                               encode(sha256(coalesce(record_value, '')), 'hex')), count(*)
          FROM redemption.dead_letter GROUP BY topic, code, record_key, record_value
        """
    ),
}
