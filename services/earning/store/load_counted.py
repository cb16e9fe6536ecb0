"""Counted caps in a load: the periods that a batch's events fall into, and the slices of campaigns.

Only for programs whose rules have such caps; for all others the parameters are empty and nothing is looked up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from services.earning.counted import CampaignSlice, CapUse, Counted, MemberPeriod
from services.earning.decide.count import period_of
from services.earning.domain.program import CompiledProgram
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.statement import ids_as_text

COUNTED_COLUMNS = {
    "counters": """
        SELECT json_agg(c)
          FROM unnest(ids(:counter_program), ids(:counter_member), ids(:counter_period))
               AS k (program_id, member_id, period),
               LATERAL (SELECT * FROM member_counter
                         WHERE program_id = k.program_id AND member_id = k.member_id AND period = k.period
                        OFFSET 0) AS c
    """,
    "campaigns": """
        SELECT json_agg(json_build_array(c.program_id, c.rule_id, c.points, own.points, c.remainder + others.points))
          FROM unnest(:campaign_programs::text[]) AS k (program_id),
               LATERAL (SELECT * FROM campaign_cap WHERE program_id = k.program_id OFFSET 0) AS c,
               LATERAL (SELECT s.reserved - s.used AS points FROM campaign_slice AS s
                         WHERE s.partition = :partition AND s.program_id = c.program_id
                           AND s.rule_id = c.rule_id) AS own,
               LATERAL (SELECT coalesce(sum(s.reserved - s.used), 0)::bigint AS points FROM campaign_slice AS s
                         WHERE s.partition <> :partition AND s.program_id = c.program_id
                           AND s.rule_id = c.rule_id) AS others
    """,
}


def periods_of(
    events: Sequence[Delivered], programs: ProgramBook, compiled: Mapping[tuple[str, int], CompiledProgram]
) -> frozenset[MemberPeriod]:
    """Every period whose counters the decisions on these events may read: those of the events' own times."""
    capped = {program.program_id for program in compiled.values() if program.member_windows}
    if not capped:
        return frozenset()
    periods = set()
    for delivered in events:
        event = delivered.required_event
        body = event.data
        member_id = getattr(body, body.MEMBER_FIELD or "", None)
        program_id = getattr(body, "program_id", "")
        if member_id is None or program_id not in capped:
            continue
        version = programs.in_force(program_id, event.time)
        if version is not None:
            program = compiled[program_id, version.version]
            day = program.dates.day(event.time)
            for window in program.member_windows:
                periods.add((program_id, member_id, period_of(window, day)))
    return frozenset(periods)


def counted_arguments(
    events: Sequence[Delivered],
    periods: frozenset[MemberPeriod],
    compiled: Mapping[tuple[str, int], CompiledProgram],
) -> dict[str, object]:
    """Every parameter of COUNTED_COLUMNS but the partition."""
    with_campaigns = {program.program_id for program in compiled.values() if program.campaigns}
    touched = {getattr(delivered.required_event.data, "program_id", "") for delivered in events}
    return {
        "counter_program": ids_as_text(program_id for program_id, _, _ in periods),
        "counter_member": ids_as_text(member_id for _, member_id, _ in periods),
        "counter_period": ids_as_text(period for _, _, period in periods),
        "campaign_programs": sorted(with_campaigns & touched),
    }


def read_uses(stored: Sequence[tuple[str, str, int]] | None) -> dict[CapUse, int]:
    """What something uses of counted caps, from its row."""
    return {(rule_id, period): points for rule_id, period, points in stored or ()}


def fill_counted(counted: Counted, row: Mapping[str, Any], periods: frozenset[MemberPeriod]) -> None:
    """Put the loaded counters and slices on the desk."""
    counted.members.loaded = periods
    for stored in orjson.loads(row["counters"] or "[]"):
        period = (stored["program_id"], stored["member_id"], stored["period"])
        counted.members.used.setdefault(period, {})[stored["rule_id"]] = stored["used"]
    for program_id, rule_id, points, own, elsewhere in orjson.loads(row["campaigns"] or "[]"):
        counted.campaigns[program_id, rule_id] = CampaignSlice(points, own, elsewhere)
