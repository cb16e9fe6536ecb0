"""The SQL of a save: every row a batch may write, each part behind the gate, all of them one statement."""

from services.earning.store.save_counted import COUNTED_PARTS
from services.earning.store.save_deeds import DEED_PARTS
from services.earning.store.save_occasions import OCCASION_PARTS
from services.earning.store.save_tiers import TIER_PARTS
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.gate import BATCH_GATE
from shared.runtime.ledger import BATCH_PARTS
from shared.runtime.statement import Part, gated_statement

# Rows go in sorted by key, in every table: two partitions that meet on a receipt then wait for each other in one order.
# Rows to change are found key by key (LATERAL … OFFSET 0, see the runtime's ledger.py) and changed where they lie; one
# that another transaction moves meanwhile is missed, and the part's `expects` makes the batch decide again.
PARTS = (
    Part(
        "member_rows",
        """
        INSERT INTO member AS m (program_id, member_id, registered_at, phone_verified, listed_party, first_order,
                                 referral_key, birth_month_day, organisation_id, segments, closed_at)
        SELECT program_id, member_id, registered_at, phone_verified, listed_party, first_order, referral_key,
               birth_month_day, organisation_id, segments::json, closed_at
          FROM gate, unnest(:me_program::text[], :me_member::text[], :me_registered::timestamptz[],
                            :me_verified::boolean[], :me_listed::boolean[], :me_first_order::uuid[],
                            :me_referral::uuid[], :me_birthday::text[], :me_organisation::text[],
                            :me_segments::text[], :me_closed::timestamptz[])
               AS n (program_id, member_id, registered_at, phone_verified, listed_party, first_order, referral_key,
                     birth_month_day, organisation_id, segments, closed_at)
         ORDER BY 1, 2
        ON CONFLICT (program_id, member_id) DO UPDATE
           SET registered_at = excluded.registered_at, phone_verified = excluded.phone_verified,
               listed_party = excluded.listed_party, first_order = excluded.first_order,
               referral_key = excluded.referral_key, birth_month_day = excluded.birth_month_day,
               organisation_id = excluded.organisation_id, segments = excluded.segments,
               closed_at = excluded.closed_at
        """,
    ),
    Part(
        "waiting_rows",
        """
        INSERT INTO waiting_event (event_key, content_hash, program_id, member_id, event_type, arrival, deadline,
                                   record_key, record_value, headers, sent_on)
        SELECT event_key, content_hash, program_id, member_id, event_type, arrival, deadline, record_key,
               record_value, headers::json, sent_on
          FROM gate, unnest(:wa_key::uuid[], :wa_hash::bytea[], :wa_program::text[], :wa_member::text[],
                            :wa_type::text[], :wa_arrival::timestamptz[], :wa_deadline::timestamptz[],
                            :wa_record_key::bytea[], :wa_value::bytea[], :wa_headers::text[],
                            :wa_sent_on::boolean[])
               WITH ORDINALITY AS w (event_key, content_hash, program_id, member_id, event_type, arrival, deadline,
                                     record_key, record_value, headers, sent_on, position)
         ORDER BY w.position
        """,
    ),
    # The sweeper may have sent an event on meanwhile: then this batch decides again.
    Part(
        "sent_on_rows",
        """
        UPDATE waiting_event AS w SET sent_on = true
          FROM gate, unnest(:sent_on::uuid[]) AS k (event_key),
               LATERAL (SELECT ctid FROM waiting_event WHERE event_key = k.event_key OFFSET 0) AS there
         WHERE w.ctid = there.ctid AND NOT w.sent_on
        RETURNING 1
        """,
        expects="sent_on",
    ),
    Part(
        "came_back_rows",
        """
        DELETE FROM waiting_event AS w
         USING gate, unnest(:came_back::uuid[]) AS k (event_key),
               LATERAL (SELECT ctid FROM waiting_event WHERE event_key = k.event_key OFFSET 0) AS there
         WHERE w.ctid = there.ctid
        RETURNING 1
        """,
        expects="came_back",
    ),
    # A plain INSERT: the same receipt on two partitions at once has one winner, the other decides again.
    Part(
        "receipt_rows",
        """
        INSERT INTO receipt (receipt_key, program_id, merchant_id, receipt_id, member_id, event_key, event_source,
                             event_id, event_time, outcome, code, rule_version, facts, purchase,
                             returned_points_minor, returned_voucher_minor, cap_uses, counted_minor)
        SELECT receipt_key, program_id, merchant_id, receipt_id, member_id, event_key, event_source, event_id,
               instant(event_time), outcome, code, rule_version, facts::json, purchase::json,
               returned_points_minor, returned_voucher_minor, cap_uses::json, counted_minor
          FROM gate, unnest(:receipts::new_receipt_row[])
         ORDER BY receipt_key
        """,
    ),
    Part(
        "receipt_changes",
        """
        UPDATE receipt AS r
           SET member_id = c.member_id, event_key = c.event_key, event_source = c.event_source,
               event_id = c.event_id, event_time = instant(c.event_time), outcome = c.outcome, code = c.code,
               rule_version = c.rule_version, facts = c.facts::json, purchase = c.purchase::json,
               returned_points_minor = c.returned_points_minor, returned_voucher_minor = c.returned_voucher_minor,
               cap_uses = c.cap_uses::json, counted_minor = c.counted_minor, revision = r.revision + 1
          FROM (SELECT c.*, v.revision, there.ctid AS place
                  FROM gate, unnest(:changed_receipts::receipt_row[]) AS c
                  JOIN unnest(:changed_key::uuid[], :changed_revision::integer[]) AS v (receipt_key, revision)
                       USING (receipt_key),
                       LATERAL (SELECT ctid FROM receipt WHERE receipt_key = c.receipt_key OFFSET 0) AS there
                 ORDER BY receipt_key) AS c
         WHERE r.ctid = c.place AND r.revision = c.revision
        RETURNING 1
        """,
        expects="changed_key",
    ),
    Part(
        "line_rows",
        """
        INSERT INTO receipt_line (receipt_key, line_id, position, program_id, member_id, sku, event_time, quantity,
                                  net_minor, refunded_quantity, refunded_net_minor)
        SELECT receipt_key, line_id, position, program_id, member_id, sku, instant(event_time), quantity,
               net_minor, refunded_quantity, refunded_net_minor
          FROM gate, unnest(:lines::line_row[])
         ORDER BY receipt_key, line_id
        """,
    ),
    Part(
        "line_changes",
        """
        UPDATE receipt_line AS l
           SET refunded_quantity = c.quantity, refunded_net_minor = c.net_minor
          FROM gate, unnest(:lc_key::uuid[], :lc_id::text[], :lc_quantity::integer[], :lc_net::bigint[])
               AS c (receipt_key, line_id, quantity, net_minor),
               LATERAL (SELECT ctid FROM receipt_line
                         WHERE receipt_key = c.receipt_key AND line_id = c.line_id OFFSET 0) AS there
         WHERE l.ctid = there.ctid
        RETURNING 1
        """,
        expects="lc_key",
    ),
    # What a purchase decided and granted lies in its receipt's row; all else comes in rows of its own.
    Part(
        "decision_rows",
        f"""
        INSERT INTO decision (event_key, program_id, member_id, event_type, event_source, event_id, event_time,
                              arrival, outcome, code, would_have_earned, receipt_key, correlation_id)
        SELECT event_key, program_id, member_id, event_type, event_source, event_id, instant(event_time),
               instant(arrival), outcome, code, would_have_earned, receipt_key, correlation_id
          FROM gate, (SELECT event_key, program_id, member_id, '{PurchaseCompleted.TYPE}' AS event_type, event_source,
                             event_id, event_time, arrival, outcome, code, would_have_earned, receipt_key,
                             event_source || '#' || event_id AS correlation_id
                        FROM unnest(:receipts::new_receipt_row[]) WHERE event_key IS NOT NULL
                       UNION ALL
                      SELECT * FROM unnest(:decisions::decision_row[])) AS d
         ORDER BY event_key
        """,  # noqa: S608 - a name of ours
    ),
    Part(
        "grant_rows",
        """
        INSERT INTO issued_grant (grant_id, event_key, receipt_key, program_id, member_id, class, budget_id, points,
                                  clawed_back, cost_minor, cost_returned_minor, lines, rule_version, event_time,
                                  available_at, expires_at, correlation_id)
        SELECT grant_id, event_key, receipt_key, program_id, member_id, class, budget_id, points, clawed_back,
               cost_minor, cost_returned_minor, lines::json, rule_version, instant(event_time),
               instant(available_at), instant(expires_at), correlation_id
          FROM gate, (SELECT grant_id, event_key, receipt_key, program_id, member_id, class, budget_id, points,
                             clawed_back, cost_minor, cost_returned_minor, grant_lines AS lines, rule_version,
                             event_time, available_at, expires_at, event_source || '#' || event_id AS correlation_id
                        FROM unnest(:receipts::new_receipt_row[]) WHERE grant_id IS NOT NULL
                       UNION ALL
                      SELECT * FROM unnest(:grants::grant_row[])) AS g
         ORDER BY grant_id
        """,
    ),
    Part(
        "grant_changes",
        """
        UPDATE issued_grant AS g
           SET clawed_back = c.clawed_back, cost_returned_minor = c.cost_minor, lines = c.lines::json,
               available_at = c.available_at
          FROM gate, unnest(:gc_id::uuid[], :gc_clawed::bigint[], :gc_cost::bigint[], :gc_lines::text[],
                            :gc_available::timestamptz[])
               AS c (grant_id, clawed_back, cost_minor, lines, available_at),
               LATERAL (SELECT ctid FROM issued_grant WHERE grant_id = c.grant_id OFFSET 0) AS there
         WHERE g.ctid = there.ctid
        RETURNING 1
        """,
        expects="gc_id",
    ),
    Part(
        "claw_back_rows",
        """
        INSERT INTO claw_back (claw_back_id, grant_id, event_key, program_id, member_id, refund_id, points, cost_minor)
        SELECT c.* FROM gate, unnest(:cb_id::uuid[], :cb_grant::uuid[], :cb_event::uuid[], :cb_program::text[],
                                     :cb_member::text[], :cb_refund::text[], :cb_points::bigint[],
                                     :cb_cost::bigint[]) AS c
         ORDER BY 1
        """,
    ),
    Part(
        "tender_rows",
        """
        INSERT INTO tender_refund (tender_refund_id, event_key, receipt_key, program_id, member_id, authorization_id,
                                   refund_id, amount_minor)
        SELECT t.* FROM gate, unnest(:te_id::uuid[], :te_event::uuid[], :te_receipt::uuid[], :te_program::text[],
                                     :te_member::text[], :te_authorization::text[], :te_refund::text[],
                                     :te_amount::bigint[]) AS t
         ORDER BY 1
        """,
    ),
    Part(
        "claim_rows",
        """
        INSERT INTO open_claim (claim_id, event_key, event_source, event_id, refund_id, program_id, member_id,
                                receipt_key, refunded_at, line_index, line_id, sku, quantity, net_minor, points_minor,
                                voucher_minor, state, settled_by)
        SELECT c.* FROM gate, unnest(
                   :cl_id::uuid[], :cl_event::uuid[], :cl_source::text[], :cl_event_id::text[], :cl_refund::text[],
                   :cl_program::text[], :cl_member::text[], :cl_receipt::uuid[], :cl_time::timestamptz[],
                   :cl_index::integer[], :cl_line::text[], :cl_sku::text[], :cl_quantity::integer[],
                   :cl_net::bigint[], :cl_points::bigint[], :cl_voucher::bigint[], :cl_state::text[],
                   :cl_settled::uuid[]) AS c
         ORDER BY 1
        """,
    ),
    Part(
        "claim_changes",
        """
        UPDATE open_claim AS o SET state = 'settled', settled_by = c.settled_by
          FROM gate, unnest(:cc_id::uuid[], :cc_settled::uuid[]) AS c (claim_id, settled_by),
               LATERAL (SELECT ctid FROM open_claim WHERE claim_id = c.claim_id OFFSET 0) AS there
         WHERE o.ctid = there.ctid AND o.state = 'open'
        RETURNING 1
        """,
        expects="cc_id",
    ),
    # Spending inside the slice is tested here, not only in memory (architecture.md, write path 8).
    Part(
        "slice_changes",
        """
        UPDATE budget_slice AS s SET spent_minor = s.spent_minor + c.spent
          FROM gate, unnest(:sl_program::text[], :sl_budget::text[], :sl_spent::bigint[])
               AS c (program_id, budget_id, spent)
         WHERE s.partition = :partition AND s.program_id = c.program_id AND s.budget_id = c.budget_id
           AND s.spent_minor + c.spent <= s.reserved_minor
        RETURNING 1
        """,
        expects="sl_program",
    ),
)
SAVE = gated_statement(BATCH_GATE, (*BATCH_PARTS, *PARTS, *DEED_PARTS, *OCCASION_PARTS, *COUNTED_PARTS, *TIER_PARTS))
