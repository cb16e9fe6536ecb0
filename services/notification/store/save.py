"""Everything a batch has decided, as one statement behind the gate."""

import json
from collections.abc import Mapping

import orjson

from services.notification.desk import NotificationDesk
from services.notification.domain.details import details_json
from shared.events.keys import member_key
from shared.runtime.gate import BATCH_GATE
from shared.runtime.ledger import BATCH_PARTS
from shared.runtime.postgres import Connection
from shared.runtime.statement import Part, gated_statement, maybe_microseconds, microseconds

_NOTICES = (
    Part(
        "opened_notices",
        """
        INSERT INTO notice (notice_id, program_id, member_id, template, group_key, state, cause_key, cause_type,
                            causation_id, correlation_id, rule_version, opened_at, due_at, close_at, points, causes)
        SELECT notice_id, program_id, member_id, template, group_key, 'gathering', cause_key, cause_type, causation_id,
               correlation_id, rule_version, instant(opened_at), instant(due_at),
               greatest(instant(due_at), now() + :quiet_seconds::integer * interval '1 second'), points, causes
          FROM gate, unnest(:opened::notice_row[])
         ORDER BY notice_id
        """,
    ),
    Part(
        # the sweeper may have closed one since it was loaded: then this batch is decided again
        "joined_notices",
        """
        UPDATE notice AS n
           SET points = j.points, causes = j.causes,
               close_at = greatest(n.close_at, now() + :quiet_seconds::integer * interval '1 second')
          FROM gate, unnest(:joined::uuid[], :joined_points::bigint[], :joined_causes::bigint[])
                   AS j (notice_id, points, causes),
               LATERAL (SELECT ctid FROM notice WHERE notice_id = j.notice_id OFFSET 0) AS there
         WHERE n.ctid = there.ctid AND n.state = 'gathering'
        RETURNING 1
        """,
        expects="joined",
    ),
    Part(
        "cause_rows",
        """
        INSERT INTO notice_cause (event_key, notice_id, kind, points, lot_id, reference, at, correlation_id,
                                  details)
        SELECT event_key, notice_id, kind, points, lot_id, reference, instant(at), correlation_id, details::json
          FROM gate, unnest(:causes::cause_row[], :cause_details::text[]) WITH ORDINALITY
               AS c (event_key, notice_id, kind, points, lot_id, reference, at, correlation_id, details, place)
         ORDER BY place
        """,
    ),
)
_MEMBERS = (
    Part(
        "profiles",
        """
        INSERT INTO member (program_id, member_id, locale, birth_year, consents)
        SELECT program_id, member_id, locale, birth_year, consents::json
          FROM gate, unnest(:p_program::text[], :p_member::text[], :p_locale::text[], :p_birth_year::integer[],
                            :p_consents::text[]) AS p (program_id, member_id, locale, birth_year, consents)
         ORDER BY program_id, member_id
        ON CONFLICT (program_id, member_id) DO UPDATE
           SET locale = excluded.locale, birth_year = excluded.birth_year, consents = excluded.consents
        """,
    ),
    Part(
        "contacts",
        """
        INSERT INTO contact AS kept (program_id, member_id, record_key, email, phone, webhook, erased_at,
                                     last_erased_at)
        SELECT program_id, member_id, record_key, email, phone, webhook, CASE WHEN erased THEN now() END,
               CASE WHEN erased_before THEN now() END
          FROM gate, unnest(:c_program::text[], :c_member::text[], :c_key::bytea[], :c_email::text[], :c_phone::text[],
                            :c_webhook::text[], :c_erased::boolean[], :c_erased_before::boolean[])
                         AS c (program_id, member_id, record_key, email, phone, webhook, erased, erased_before)
         ORDER BY program_id, member_id
        ON CONFLICT (program_id, member_id) DO UPDATE
           SET email = excluded.email, phone = excluded.phone, webhook = excluded.webhook,
               erased_at = excluded.erased_at,
               last_erased_at = coalesce(excluded.last_erased_at, kept.last_erased_at)
        """,
    ),
    Part(
        "erased_recipients",
        """
        DELETE FROM recipient AS r
         USING gate, unnest(:e_program::text[], :e_member::text[], :e_kept::text[])
                   AS e (program_id, member_id, kept),
               LATERAL (SELECT ctid FROM recipient
                         WHERE program_id = e.program_id AND member_id = e.member_id
                           AND NOT recipient_ref = ANY(ARRAY(SELECT json_array_elements_text(e.kept::json)))
                        OFFSET 0) AS there
         WHERE r.ctid = there.ctid
        """,
    ),
    Part(
        "recipients",
        """
        INSERT INTO recipient (program_id, member_id, recipient_ref, address)
        SELECT r.* FROM gate, unnest(:r_program::text[], :r_member::text[], :r_ref::text[], :r_address::text[]) AS r
         ORDER BY 1, 2, 3
        ON CONFLICT (program_id, member_id, recipient_ref) DO UPDATE SET address = excluded.address
        """,
    ),
    Part(
        # news of member or contact: what waits for it is looked at again now
        "woken_messages",
        """
        UPDATE message AS m SET next_attempt_at = now()
          FROM gate, (SELECT program_id, member_id FROM unnest(:p_program::text[], :p_member::text[])
                          AS p (program_id, member_id)
                      UNION SELECT program_id, member_id FROM unnest(:c_program::text[], :c_member::text[])
                          AS c (program_id, member_id)) AS k,
               LATERAL (SELECT ctid FROM message WHERE program_id = k.program_id AND member_id = k.member_id
                           AND state = 'queued' AND attempts = 0 OFFSET 0) AS there
         WHERE m.ctid = there.ctid AND m.state = 'queued' AND m.next_attempt_at > now()
        """,
    ),
    Part(
        "holds",
        """
        INSERT INTO hold AS h (program_id, member_id, hold_id, reason, deadline, decision, note)
        SELECT w.* FROM gate, unnest(:h_program::text[], :h_member::text[], :h_hold::text[], :h_reason::text[],
                                     :h_deadline::timestamptz[], :h_decision::text[], :h_note::text[]) AS w
         ORDER BY 1, 2, 3
        ON CONFLICT (program_id, member_id, hold_id) DO UPDATE
           SET reason = coalesce(excluded.reason, h.reason), deadline = coalesce(excluded.deadline, h.deadline),
               decision = coalesce(excluded.decision, h.decision), note = coalesce(excluded.note, h.note)
        """,
    ),
)
SAVE_BATCH = gated_statement(BATCH_GATE, (*BATCH_PARTS, *_NOTICES, *_MEMBERS))


async def save_batch(
    connection: Connection, desk: NotificationDesk, posted: Mapping[str, object], quiet_seconds: int
) -> bool:
    """Write the batch, `posted` being the runtime's arguments; False when the gate was shut."""
    arguments = {
        **posted,
        "quiet_seconds": quiet_seconds,
        **_notices(desk),
        **_profiles(desk),
        **_contacts(desk),
        **_holds(desk),
    }
    return bool(await connection.fetchval(SAVE_BATCH.sql, *SAVE_BATCH.arguments(arguments)))


def _notices(desk: NotificationDesk) -> dict[str, object]:
    joined = [desk.joined[notice_id] for notice_id in sorted(desk.joined)]
    return {
        "opened": [
            (
                notice.notice_id,
                *notice.key,
                first.event_key,
                first.type,
                first.id,
                first.correlation_id,
                first.rule_version,
                microseconds(opened_at),
                microseconds(notice.due_at),
                notice.points,
                notice.causes,
            )
            for notice, first, opened_at in desk.opened.values()
        ],
        "joined": [notice.notice_id for notice in joined],
        "joined_points": [notice.points for notice in joined],
        "joined_causes": [notice.causes for notice in joined],
        "causes": [
            (
                cause.event_key,
                notice_id,
                cause.kind,
                cause.points,
                cause.lot_id,
                cause.reference,
                maybe_microseconds(cause.at),
                cause.correlation_id,
            )
            for notice_id, cause in desk.causes
        ],
        "cause_details": [details_json(cause.details) for _, cause in desk.causes],
    }


def _profiles(desk: NotificationDesk) -> dict[str, object]:
    rows = list(desk.profiles.items())
    return {
        "p_program": [program_id for (program_id, _), _ in rows],
        "p_member": [member_id for (_, member_id), _ in rows],
        "p_locale": [profile.locale for _, profile in rows],
        "p_birth_year": [profile.birth_year for _, profile in rows],
        "p_consents": [orjson.dumps(dict(profile.consents)).decode() for _, profile in rows],
    }


def _contacts(desk: NotificationDesk) -> dict[str, object]:
    rows = list(desk.contacts.items())
    erased = sorted(desk.erased)
    kept = {
        member: json.dumps([reference for *whose, reference in desk.recipients if tuple(whose) == member])
        for member in erased
    }
    recipients = list(desk.recipients.items())
    return {
        "c_program": [program_id for (program_id, _), _ in rows],
        "c_member": [member_id for (_, member_id), _ in rows],
        "c_key": [member_key(*member).encode() for member, _ in rows],
        "c_email": [contact and contact.email for _, contact in rows],
        "c_phone": [contact and contact.phone for _, contact in rows],
        "c_webhook": [contact and contact.webhook for _, contact in rows],
        "c_erased": [contact is None for _, contact in rows],
        "c_erased_before": [member in desk.erased for member, _ in rows],  # and perhaps told anew in the same batch
        "e_program": [program_id for program_id, _ in erased],
        "e_member": [member_id for _, member_id in erased],
        "e_kept": [kept[member] for member in erased],
        "r_program": [program_id for (program_id, _, _), _ in recipients],
        "r_member": [member_id for (_, member_id, _), _ in recipients],
        "r_ref": [reference for (_, _, reference), _ in recipients],
        "r_address": [address for _, address in recipients],
    }


def _holds(desk: NotificationDesk) -> dict[str, object]:
    rows = list(desk.holds.items())
    return {
        "h_program": [program_id for (program_id, _, _), _ in rows],
        "h_member": [member_id for (_, member_id, _), _ in rows],
        "h_hold": [hold_id for (_, _, hold_id), _ in rows],
        "h_reason": [words.reason for _, words in rows],
        "h_deadline": [words.deadline for _, words in rows],
        "h_decision": [words.decision for _, words in rows],
        "h_note": [words.note for _, words in rows],
    }
