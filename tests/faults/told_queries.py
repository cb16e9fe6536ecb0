"""What of fraud monitoring's and notification's schemas the picture shows, and everybody's dead letters.

Left out are instants that hang on an arrival or on the database's clock: deadlines, when a person decided, and into
which notice of a digest an event fell. That each event is told once, with what words and how each channel ended is
not left out; the audit proves that notices and messages add up.
"""

from collections.abc import Mapping

from tests.faults.book_queries import Query
from tests.faults.record import LEAVING_PREFIX, SUSPECT_PREFIX

# Whether a voucher that is recalled was issued before, and so told, is the sweeper's pace.
_LASTING = """
    NOT EXISTS (SELECT FROM redemption.voucher AS v WHERE n.template = 'voucher_issued'
                   AND v.voucher_id::text = c.reference AND v.end_reason = 'recalled')
"""
_DEAD_LETTERS = ("earning", "redemption", "fraud_monitoring", "notification")
# Which event brought a hold its points is a race for these members, so is what redemption told of it.
_WITHOUT_SUSPECTS = (SUSPECT_PREFIX,)


def _dead_letters(service: str) -> Query:
    return Query(
        f"""
        SELECT NULL, concat_ws(' ', topic, code, convert_from(record_key, 'UTF8'),
                               encode(sha256(coalesce(record_value, '')), 'hex')), count(*)
          FROM {service}.dead_letter GROUP BY topic, code, record_key, record_value
        """  # noqa: S608 - names of ours
    )


TOLD_QUERIES: Mapping[str, Query] = {
    "signal": Query(
        """
        SELECT member_id, signal_id::text, concat_ws(' ', case_id, rule, program_id, member_id, subject_key,
               window_start, window_end, value, threshold, event_keys, causation_id, correlation_id, raised_at)
          FROM fraud_monitoring.signal
        """
    ),
    "case": Query(
        """
        SELECT member_id, case_id::text, concat_ws(' ', rule, program_id, subject_key, member_id, window_start,
               window_end, value, threshold, correlation_id, state, decided_by, note,
               deadline - opened_at)
          FROM fraud_monitoring.fraud_case
        """
    ),
    "hold of a case": Query(
        """
        SELECT member_id, hold_id::text, concat_ws(' ', case_id, signal_id, member_id, scope, grant_ids, points,
               reason, causation_id, correlation_id, placed_at, placed_event_id, state, decided_by, note,
               decided_event_id, confirmed_points)
          FROM fraud_monitoring.hold
        """
    ),
    "decision of a case": Query(
        """
        SELECT NULL, case_id::text, string_agg(concat_ws(' ', verdict, hold_ids, points, person, note), '; '
                                               ORDER BY decision_id)
          FROM fraud_monitoring.decision GROUP BY case_id
        """
    ),
    "profile": Query(
        """
        SELECT member_id, program_id || '/' || member_id, concat_ws(' ', locale, birth_year, consents)
          FROM notification.member
        """
    ),
    "contact": Query(
        """
        SELECT member_id, program_id || '/' || member_id, concat_ws(' ', email, phone, webhook,
                                                                    CASE WHEN erased_at IS NOT NULL THEN 'erased' END)
          FROM notification.contact
        """
    ),
    "words of a hold": Query(
        "SELECT member_id, member_id || ' ' || hold_id, concat_ws(' ', reason, decision, note) FROM notification.hold"
    ),
    "cause told": Query(
        f"""
        SELECT n.member_id, c.event_key::text, concat_ws(' ', n.program_id, n.member_id, n.template, n.group_key,
               c.kind, c.points, c.lot_id, c.reference, c.correlation_id, c.details,
               CASE WHEN n.template <> 'points_held' THEN c.at END)
          FROM notification.notice_cause AS c JOIN notification.notice AS n USING (notice_id)
         WHERE {_LASTING} AND (n.member_id NOT LIKE 'suspect-%'
                               OR n.template IN ('points_granted', 'points_clawed_back', 'referral_welcome'))
        """  # noqa: S608 - a condition of our own
    ),
    "causes told of a member": Query(
        f"""
        SELECT n.member_id, concat_ws(' ', n.program_id, n.member_id, n.template), concat_ws(' ', count(*),
               sum(c.points))
          FROM notification.notice_cause AS c JOIN notification.notice AS n USING (notice_id)
         WHERE {_LASTING}
         GROUP BY n.program_id, n.member_id, n.template
        """,  # noqa: S608 - a condition of our own
        without=_WITHOUT_SUSPECTS,
    ),
    # An e-mail whose sender dies in the hand-over may be out or not, and says so: `unknown`. Both are `handed over`.
    # Without an address it hangs on the profile's arrival which of two codes says that there is none.
    "how each channel ended": Query(
        f"""
        SELECT n.member_id, concat_ws(' ', c.event_key, m.channel), concat_ws(' ', n.member_id,
               CASE WHEN m.state IN ('sent', 'unknown') THEN 'handed over'
                    WHEN a.email IS NULL AND m.code IN ('NO_CONSENT', 'CONTACT_MISSING') THEN 'no address'
                    ELSE concat_ws(' ', m.state, m.code, m.error) END)
          FROM notification.notice_cause AS c JOIN notification.notice AS n USING (notice_id)
          JOIN notification.message AS m USING (notice_id)
          LEFT JOIN notification.contact AS a ON (a.program_id, a.member_id) = (n.program_id, n.member_id)
         WHERE {_LASTING}
        """,  # noqa: S608 - a condition of our own
        without=(SUSPECT_PREFIX, LEAVING_PREFIX),
    ),
    **{f"dead letter of {service}": _dead_letters(service) for service in _DEAD_LETTERS},
}
