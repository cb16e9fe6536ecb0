"""Tiers in a save: what counted per day, what members have now, and each change of it."""

from collections.abc import Iterable

import orjson

from services.earning.desk import EarningDesk, MemberKey
from services.earning.tier_book import TierEntry
from shared.runtime.statement import Part, ids_as_text

TIER_PARTS = (
    Part(
        "progress_rows",
        """
        INSERT INTO tier_progress AS p (program_id, member_id, day, points, money_minor)
        SELECT n.* FROM gate, unnest(ids(:tp_program), ids(:tp_member), :tp_day::date[], :tp_points::bigint[],
                                     :tp_money::bigint[]) AS n
         ORDER BY 1, 2, 3
        ON CONFLICT (program_id, member_id, day) DO UPDATE
           SET points = p.points + excluded.points, money_minor = p.money_minor + excluded.money_minor
        """,
    ),
    # What comes back was there: so is its row.
    Part(
        "progress_returns",
        """
        UPDATE tier_progress AS p SET points = p.points + k.points, money_minor = p.money_minor + k.money_minor
          FROM gate, unnest(:tr_program::text[], :tr_member::text[], :tr_day::date[], :tr_points::bigint[],
                            :tr_money::bigint[])
               AS k (program_id, member_id, day, points, money_minor),
               LATERAL (SELECT ctid FROM tier_progress
                         WHERE program_id = k.program_id AND member_id = k.member_id AND day = k.day OFFSET 0) AS there
         WHERE p.ctid = there.ctid
        RETURNING 1
        """,
        expects="tr_day",
    ),
    # The timer alone writes asked_for and told.
    Part(
        "tier_rows",
        """
        INSERT INTO member_tier (program_id, member_id, holdings, since, in_grace, due_at, floor, floor_since)
        SELECT program_id, member_id, holdings::json, since, in_grace, due_at, floor, floor_since
          FROM gate, unnest(:ti_program::text[], :ti_member::text[], :ti_holdings::text[], :ti_since::date[],
                            :ti_grace::boolean[], :ti_due::timestamptz[], :ti_floor::text[],
                            :ti_floored::timestamptz[])
               AS n (program_id, member_id, holdings, since, in_grace, due_at, floor, floor_since)
         ORDER BY 1, 2
        ON CONFLICT (program_id, member_id) DO UPDATE
           SET holdings = excluded.holdings, since = excluded.since, in_grace = excluded.in_grace,
               due_at = excluded.due_at, floor = excluded.floor, floor_since = excluded.floor_since
        """,
    ),
    Part(
        "tier_changes",
        """
        INSERT INTO tier_change (program_id, member_id, change_id, place, effective_at, tier_before, tier_after,
                                 reason, counter, valid_until)
        SELECT c.* FROM gate, unnest(:tc_program::text[], :tc_member::text[], :tc_id::uuid[], :tc_place::integer[],
                                     :tc_effective::timestamptz[], :tc_before::text[], :tc_after::text[],
                                     :tc_reason::text[], :tc_counter::bigint[], :tc_until::timestamptz[]) AS c
         ORDER BY 1, 2, 4
        """,
    ),
)


def tier_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of TIER_PARTS."""
    entries = desk.tiers.entries.items()
    moved = [
        (*member, day, *progress)
        for member, entry in entries
        if entry.moved
        for day, progress in entry.moved.items()
        if any(progress)
    ]
    returned = sorted(row for row in moved if row[3] < 0 or row[4] < 0)
    gained = [row for row in moved if row[3] >= 0 and row[4] >= 0] if returned else moved
    changes = [(*member, *change) for member, entry in entries for change in entry.changes]
    return {
        "tp_program": ids_as_text(program_id for program_id, *_ in gained),
        "tp_member": ids_as_text(member_id for _, member_id, *_ in gained),
        **_columns("tp", "day points money", [row[2:] for row in gained]),
        **_columns("tr", "program member day points money", returned),
        **_columns(
            "ti",
            "program member holdings since grace due floor floored",
            [_row(*item) for item in entries if item[1].changed],
        ),
        **_columns("tc", "program member id place effective before after reason counter until", changes),
    }


def _row(member: MemberKey, entry: TierEntry) -> tuple[object, ...]:
    holdings = entry.standing.holdings
    stored = [[held.tier_id, held.reached_on, held.valid_until, held.counted] for held in holdings]
    since = min((held.reached_on for held in holdings), default=None)
    floor = (None, None) if entry.floor is None else entry.floor
    return (*member, orjson.dumps(stored).decode(), since, entry.standing.in_grace, entry.due_at, *floor)


def _columns(prefix: str, names: str, rows: Iterable[tuple[object, ...]]) -> dict[str, object]:
    listed = list(rows)
    return {f"{prefix}_{name}": [row[place] for row in listed] for place, name in enumerate(names.split())}
