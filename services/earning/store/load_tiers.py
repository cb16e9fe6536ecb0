"""Tiers in a load: what members of a batch have, and what counts for it. Nothing is looked up for programs without."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.earning.desk import MemberKey, key_of_receipt
from services.earning.domain.program import CompiledProgram
from services.earning.domain.tiers import Holding, Standing
from services.earning.tier_book import Progress, TierBook, TierEntry, TierFloor
from shared.runtime.batch import Delivered
from shared.runtime.statement import ids_as_text

TIER_COLUMNS = {
    # From the first day that any window may reach back to: of the event, or of the day a tier was reached on.
    "tiers": """
        SELECT json_agg(json_build_object(
                   'program_id', k.program_id, 'member_id', k.member_id, 'row', t,
                   'days', (SELECT json_agg(json_build_array(p.day, p.points, p.money_minor))
                              FROM tier_progress AS p
                             WHERE p.program_id = k.program_id AND p.member_id = k.member_id
                               AND (p.points > 0 OR p.money_minor > 0)
                               AND p.day >= least(k.first_day, t.since - k.window_days)),
                   'history', (SELECT json_agg(json_build_array(c.effective_at, c.tier_after) ORDER BY c.place)
                                 FROM tier_change AS c
                                WHERE c.program_id = k.program_id AND c.member_id = k.member_id)))
          FROM (SELECT program_id, member_id, min(first_day) AS first_day, max(window_days) AS window_days
                  FROM (SELECT * FROM unnest(ids(:tier_program), ids(:tier_member), :tier_first::date[],
                                             :tier_window::integer[])
                         UNION ALL -- whose receipt is named without its member
                        SELECT r.program_id, r.member_id, n.first_day, n.window_days
                          FROM unnest(:tier_receipt::uuid[], :tier_receipt_first::date[],
                                      :tier_receipt_window::integer[]) AS n (receipt_key, first_day, window_days),
                               LATERAL (SELECT program_id, member_id FROM receipt
                                         WHERE receipt_key = n.receipt_key OFFSET 0) AS r
                         WHERE r.member_id IS NOT NULL
                       ) AS named (program_id, member_id, first_day, window_days)
                 GROUP BY 1, 2) AS k
               LEFT JOIN LATERAL (SELECT * FROM member_tier
                                   WHERE program_id = k.program_id AND member_id = k.member_id OFFSET 0) AS t ON true
    """,
}


class TiersAsked(NamedTuple):
    """Whose tiers a batch asks for: from which day on, and for how many days at most, by member or else by receipt."""

    members: Mapping[MemberKey, tuple[date, int]]
    receipts: Mapping[UUID, tuple[date, int]]


def tiers_asked(events: Sequence[Delivered], compiled: Mapping[tuple[str, int], CompiledProgram]) -> TiersAsked:
    """By all events of programs with tiers."""
    windows = _widest_windows(compiled)
    members: dict[MemberKey, tuple[date, int]] = {}
    receipts: dict[UUID, tuple[date, int]] = {}
    for delivered in events if windows else ():
        event = delivered.required_event
        body = event.data
        program_id = getattr(body, "program_id", "")
        if program_id not in windows:
            continue
        program, days = windows[program_id]
        first = program.dates.day(event.time) - timedelta(days=days)
        member_id = getattr(body, body.MEMBER_FIELD or "", None)
        if member_id is not None:
            key = (program_id, member_id)
            members[key] = (min(first, members.get(key, (first, days))[0]), days)
        elif (receipt_id := getattr(body, "receipt_id", None)) is not None:
            receipt = key_of_receipt(program_id, getattr(body, "merchant_id", ""), receipt_id)
            receipts[receipt] = (min(first, receipts.get(receipt, (first, days))[0]), days)
    return TiersAsked(members, receipts)


def tier_arguments(asked: TiersAsked) -> dict[str, object]:
    """Every parameter of TIER_COLUMNS."""
    members, receipts = asked
    return {
        "tier_program": ids_as_text(program_id for program_id, _ in members),
        "tier_member": ids_as_text(member_id for _, member_id in members),
        "tier_first": [first for first, _ in members.values()],
        "tier_window": [days for _, days in members.values()],
        "tier_receipt": list(receipts),
        "tier_receipt_first": [first for first, _ in receipts.values()],
        "tier_receipt_window": [days for _, days in receipts.values()],
    }


def _widest_windows(compiled: Mapping[tuple[str, int], CompiledProgram]) -> dict[str, tuple[CompiledProgram, int]]:
    """Of each program with tiers a version, and how many days the widest window of all its versions may have."""
    widest: dict[str, tuple[CompiledProgram, int]] = {}
    for program in compiled.values():
        if program.tiers is not None:
            window = program.tiers.part.window
            months = {"month": 1, "quarter": 3, "year": 12}.get(window.calendar or "", window.rolling_months or 0)
            days = window.rolling_days or 31 * months + 31
            known = widest.get(program.program_id)
            widest[program.program_id] = (program, max(days, 0 if known is None else known[1]))
    return widest


def fill_tiers(book: TierBook, row: Mapping[str, Any], asked: TiersAsked) -> None:
    """Put the loaded tiers on the desk."""
    loaded = set(asked.members)
    for stored in orjson.loads(row["tiers"] or "[]"):
        member = (stored["program_id"], stored["member_id"])
        loaded.add(member)
        book.entries[member] = _entry(stored["row"], stored["days"] or [], stored["history"] or [])
    book.loaded = loaded


_date = lru_cache(maxsize=4096)(date.fromisoformat)  # members' days are the same few


def _entry(stored: Mapping[str, Any] | None, days: Sequence[Any], history: Sequence[Any]) -> TierEntry:
    entry = TierEntry(
        days={_date(day): Progress(points, money) for day, points, money in days},
        history=[(datetime.fromisoformat(since), tier) for since, tier in history],
    )
    entry.latest = max(entry.days, default=date.min)
    if stored is not None:
        holdings = tuple(
            Holding(tier_id, _date(reached), _date(until), counted)
            for tier_id, reached, until, counted in stored["holdings"]
        )
        entry.standing = Standing(holdings, stored["in_grace"])
        if stored["floor"] is not None:
            entry.floor = TierFloor(stored["floor"], datetime.fromisoformat(stored["floor_since"]))
        entry.due_at = None if stored["due_at"] is None else datetime.fromisoformat(stored["due_at"])
    return entry
