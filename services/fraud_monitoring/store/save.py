"""Writing what was found: idempotent, so that the same thing found twice changes nothing and says nothing again."""

from collections.abc import Sequence
from uuid import UUID

from services.fraud_monitoring.outcomes import Outcome
from shared.runtime.batch import Batch, DeadLetter, Outgoing
from shared.runtime.ledger import BATCH_PARTS, OUTBOX_PART, Postings, outbox_arguments
from shared.runtime.postgres import Connection
from shared.runtime.statement import Part, gated_statement

_OPEN = (Part("gate", "SELECT 1"),)

# Arrays sorted by id: two workers that find the same thing wait for each other instead of locking crosswise.
SAVE_OUTCOMES = gated_statement(
    _OPEN,
    [
        Part(
            "case_rows",
            """
            INSERT INTO fraud_case AS c (case_id, rule, program_id, subject_key, member_id, window_start, window_end,
                                         value, threshold, correlation_id, opened_at, deadline)
            SELECT case_id, rule, program_id, subject_key, member_id, window_start, window_end, value, threshold,
                   correlation_id, opened_at, deadline
              FROM gate, unnest(:case_id::uuid[], :case_rule::text[], :case_program::text[], :case_subject::text[],
                                :case_member::text[], :case_start::timestamptz[], :case_end::timestamptz[],
                                :case_value::bigint[], :case_threshold::bigint[], :case_correlation::text[],
                                :case_opened::timestamptz[], :case_deadline::timestamptz[])
                   AS f (case_id, rule, program_id, subject_key, member_id, window_start, window_end, value, threshold,
                         correlation_id, opened_at, deadline)
             ORDER BY case_id
            ON CONFLICT (case_id) DO UPDATE
               SET value = excluded.value, window_start = excluded.window_start, window_end = excluded.window_end
             WHERE excluded.value > c.value
            RETURNING case_id
            """,
        ),
        Part(
            "signal_rows",
            """
            INSERT INTO signal (signal_id, case_id, rule, program_id, member_id, subject_key, window_start, window_end,
                                value, threshold, event_keys, causation_id, correlation_id, raised_at)
            SELECT signal_id, case_id, rule, program_id, member_id, subject_key, window_start, window_end, value,
                   threshold, ARRAY(SELECT json_array_elements_text(event_keys::json)), causation_id, correlation_id,
                   raised_at
              FROM gate, unnest(:signal_id::uuid[], :signal_case::uuid[], :signal_rule::text[],
                                :signal_program::text[], :signal_member::text[], :signal_subject::text[],
                                :signal_start::timestamptz[], :signal_end::timestamptz[], :signal_value::bigint[],
                                :signal_threshold::bigint[], :signal_keys::text[], :signal_cause::text[],
                                :signal_correlation::text[], :signal_raised::timestamptz[])
                   AS s (signal_id, case_id, rule, program_id, member_id, subject_key, window_start, window_end, value,
                         threshold, event_keys, causation_id, correlation_id, raised_at)
             ORDER BY signal_id
            ON CONFLICT DO NOTHING
            RETURNING signal_id
            """,
        ),
        Part(
            "hold_rows",
            """
            INSERT INTO hold (hold_id, case_id, signal_id, program_id, member_id, scope, grant_ids, reason, deadline,
                              causation_id, correlation_id, placed_at, placed_event_id)
            SELECT hold_id, case_id, signal_id, program_id, member_id, scope, array_remove(ARRAY[grant_id], NULL),
                   reason, deadline, causation_id, correlation_id, placed_at, placed_event_id
              FROM gate, unnest(:hold_id::uuid[], :hold_case::uuid[], :hold_signal::uuid[], :hold_program::text[],
                                :hold_member::text[], :hold_scope::text[], :hold_grant::text[], :hold_reason::text[],
                                :hold_deadline::timestamptz[], :hold_cause::text[], :hold_correlation::text[],
                                :hold_placed::timestamptz[], :hold_event::uuid[])
                   AS h (hold_id, case_id, signal_id, program_id, member_id, scope, grant_id, reason, deadline,
                         causation_id, correlation_id, placed_at, placed_event_id)
             ORDER BY hold_id
            ON CONFLICT DO NOTHING
            RETURNING placed_event_id
            """,
        ),
        Part(
            "outbox_rows",
            # only what is new is told
            """
            INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload, headers)
            SELECT topic, record_key, type, event_id, payload, headers::json
              FROM gate, unnest(:out_rows::outbox_row[]) WITH ORDINALITY
                   AS o (topic, record_key, type, event_id, payload, headers, position)
             WHERE event_id IN (SELECT signal_id FROM signal_rows UNION ALL SELECT placed_event_id FROM hold_rows)
             ORDER BY position
            """,
        ),
    ],
)
SAVE_HELD = """
    UPDATE hold SET held_points = h.points, held_offset = h.held_offset
      FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS h (hold_id, points, held_offset)
     WHERE hold.hold_id = h.hold_id AND (hold.held_offset IS NULL OR hold.held_offset <= h.held_offset)
"""
_DEAD_LETTERS = next(part for part in BATCH_PARTS if part.name == "dead_letter_rows")
SAVE_DEAD_LETTER = gated_statement(_OPEN, [_DEAD_LETTERS, OUTBOX_PART])
_CASE = ("id", "rule", "program", "subject", "member", "start", "end", "value", "threshold", "correlation", "opened",
         "deadline")  # fmt: skip
_SIGNAL = ("id", "case", "rule", "program", "member", "subject", "start", "end", "value", "threshold", "keys", "cause",
           "correlation", "raised")  # fmt: skip
_HOLD = ("id", "case", "signal", "program", "member", "scope", "grant", "reason", "deadline", "cause", "correlation",
         "placed", "event")  # fmt: skip


async def save_outcomes(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """One statement for cases, signals, holds and the events of those that are new. Cases must be distinct."""
    holds = {row[0]: row for outcome in outcomes for row in outcome.holds}
    events: list[Outgoing] = [event for outcome in outcomes for event in outcome.events]
    values: dict[str, object] = {
        **_columns("case", _CASE, [outcome.case for outcome in outcomes]),
        **_columns("signal", _SIGNAL, [outcome.signal for outcome in outcomes]),
        **_columns("hold", _HOLD, list(holds.values())),
        **outbox_arguments(events),
    }
    await connection.execute(SAVE_OUTCOMES.sql, *SAVE_OUTCOMES.arguments(values))


async def save_held(connection: Connection, held: Sequence[tuple[UUID, int, int]]) -> None:
    """What redemption holds now: rows of hold, points and the offset that said so. The last said counts.

    Not the latest by business time: a hold that binds more says so at the time of the grant that came, which may
    lie long before the hold.
    """
    latest: dict[UUID, tuple[UUID, int, int]] = {}
    for row in sorted(held, key=lambda row: row[2]):
        latest[row[0]] = row
    rows = [latest[hold_id] for hold_id in sorted(latest)]
    await connection.execute(SAVE_HELD, *map(list, zip(*rows, strict=True)))


async def save_dead_letter(connection: Connection, service: str, letter: DeadLetter) -> None:
    """The letter and its record for the dead-letter topic. Raises UniqueViolationError if it was saved before."""
    delivered = letter.delivered
    postings = Postings(
        Batch(delivered.topic, delivered.partition, delivered.offset, delivered.offset + 1, [delivered]), service
    )
    postings.dead_letter(letter)
    await connection.execute(SAVE_DEAD_LETTER.sql, *SAVE_DEAD_LETTER.arguments(postings.arguments(0, ())))


def _columns(prefix: str, names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> dict[str, object]:
    columns: list[list[object]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return {f"{prefix}_{name}": column for name, column in zip(names, columns, strict=True)}
