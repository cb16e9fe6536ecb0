"""Sign-ups, birthdays, activities and what organisations have used, in a save: SQL parts and their parameters."""

import orjson

from services.earning.desk import EarningDesk
from services.earning.occasions import OccasionEntry
from services.earning.store.save_counted import written_uses
from shared.runtime.statement import Part, microseconds

OCCASION_PARTS = (
    # A plain INSERT: the same evidence on two partitions at once has one winner, the other decides again.
    Part(
        "occasion_rows",
        """
        INSERT INTO occasion (occasion_key, program_id, member_id, kind, event_key, event_time, outcome, rule_version,
                              facts, activity_id, organisation_id, evidence_sha256, cap_uses)
        SELECT occasion_key, program_id, member_id, kind, event_key, instant(event_time), outcome, rule_version,
               facts::json, activity_id, organisation_id, evidence_sha256, cap_uses::json
          FROM gate, unnest(:occasions::occasion_row[])
         ORDER BY occasion_key
        """,
    ),
    Part(
        "occasion_changes",
        """
        UPDATE occasion AS o
           SET outcome = c.outcome, event_key = c.event_key, event_time = c.event_time, facts = c.facts::json,
               cap_uses = c.cap_uses::json, revision = o.revision + 1
          FROM gate, unnest(:oc_key::uuid[], :oc_outcome::text[], :oc_event::uuid[], :oc_time::timestamptz[],
                            :oc_facts::text[], :oc_uses::text[], :oc_revision::integer[])
               AS c (occasion_key, outcome, event_key, event_time, facts, cap_uses, revision),
               LATERAL (SELECT ctid FROM occasion WHERE occasion_key = c.occasion_key OFFSET 0) AS there
         WHERE o.ctid = there.ctid AND o.revision = c.revision
        RETURNING 1
        """,
        expects="oc_key",
    ),
    Part(
        "activity_count_rows",
        """
        INSERT INTO activity_count AS a (count_key, program_id, member_id, activity_id, per, starts, times)
        SELECT c.* FROM gate, unnest(:ac_key::uuid[], :ac_program::text[], :ac_member::text[], :ac_activity::text[],
                                     :ac_per::text[], :ac_starts::date[], :ac_times::integer[]) AS c
         ORDER BY 1
        ON CONFLICT (count_key) DO UPDATE SET times = excluded.times
        """,
    ),
    # Members of one organisation meet here from all partitions: the cap is tested in the row, else decide again.
    Part(
        "organisation_rows",
        """
        INSERT INTO organisation_points AS o (program_id, organisation_id, per, starts, points)
        SELECT c.program_id, c.organisation_id, c.per, c.starts, c.points
          FROM gate, unnest(:op_program::text[], :op_id::text[], :op_per::text[], :op_starts::date[],
                            :op_points::bigint[]) AS c (program_id, organisation_id, per, starts, points)
         ORDER BY 1, 2, 3, 4
        ON CONFLICT (program_id, organisation_id, per, starts) DO UPDATE SET points = o.points + excluded.points
         WHERE o.points + excluded.points <= (
                   SELECT l.points_at_most
                     FROM unnest(:op_program::text[], :op_id::text[], :op_per::text[], :op_starts::date[],
                                 :op_limit::bigint[]) AS l (program_id, organisation_id, per, starts, points_at_most)
                    WHERE (l.program_id, l.organisation_id, l.per, l.starts)
                          = (excluded.program_id, excluded.organisation_id, excluded.per, excluded.starts))
        RETURNING 1
        """,
        expects="op_program",
    ),
    # The sweeper moves due_at as well; whoever is last wins, for what it has told is never told again.
    Part(
        "birthday_rows",
        """
        INSERT INTO birthday_timer (program_id, member_id, birth_month_day, due_at)
        SELECT c.* FROM gate, unnest(:bi_program::text[], :bi_member::text[], :bi_day::text[],
                                     :bi_due::timestamptz[]) AS c
         ORDER BY 1, 2
        ON CONFLICT (program_id, member_id) DO UPDATE
           SET birth_month_day = excluded.birth_month_day, due_at = excluded.due_at
        """,
    ),
)


def occasion_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of OCCASION_PARTS."""
    occasions = desk.occasions
    new = [entry for entry in occasions.changed() if entry.revision == 0]
    changed = [entry for entry in occasions.changed() if entry.revision > 0]
    counts = sorted(occasions.counted)
    points = sorted((period, cap.added, cap.limit) for period, cap in occasions.points.items() if cap.added)
    timers = sorted(occasions.timers.items())
    return {
        "occasions": [_occasion_row(entry) for entry in new],
        "oc_key": [entry.occasion_key for entry in changed],
        "oc_outcome": [entry.outcome for entry in changed],
        "oc_event": [entry.event_key for entry in changed],
        "oc_time": [entry.event_time for entry in changed],
        "oc_facts": [_facts(entry) for entry in changed],
        "oc_uses": [_cap_uses(entry) for entry in changed],
        "oc_revision": [entry.revision for entry in changed],
        "ac_key": [key.uuid for key in counts],
        "ac_program": [key.program_id for key in counts],
        "ac_member": [key.member_id for key in counts],
        "ac_activity": [key.activity_id for key in counts],
        "ac_per": [key.per for key in counts],
        "ac_starts": [key.starts for key in counts],
        "ac_times": [occasions.done[key] for key in counts],
        "op_program": [period[0] for period, _, _ in points],
        "op_id": [period[1] for period, _, _ in points],
        "op_per": [period[2] for period, _, _ in points],
        "op_starts": [period[3] for period, _, _ in points],
        "op_points": [added for _, added, _ in points],
        "op_limit": [limit for _, _, limit in points],
        "bi_program": [program for (program, _), _ in timers],
        "bi_member": [member for (_, member), _ in timers],
        "bi_day": [timer.birth_month_day for _, timer in timers],
        "bi_due": [timer.due_at for _, timer in timers],
    }


def _occasion_row(entry: OccasionEntry) -> tuple[object, ...]:
    return (
        entry.occasion_key,
        entry.program_id,
        entry.member_id,
        entry.kind,
        entry.event_key,
        microseconds(entry.event_time),
        entry.outcome,
        entry.rule_version,
        _facts(entry),
        entry.activity_id,
        entry.organisation_id,
        entry.evidence_sha256,
        _cap_uses(entry),
    )


def _cap_uses(entry: OccasionEntry) -> str:
    """Never null: that marks occasions of before uses were kept."""
    return written_uses(entry.cap_uses) or "[]"


def _facts(entry: OccasionEntry) -> str:
    return orjson.dumps(entry.facts.to_json()).decode()
