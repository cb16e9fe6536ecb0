"""The part of a load that sign-ups, birthdays and activities need: what has earned, counted or proved already."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.earning.domain.facts import EarnFacts
from services.earning.domain.periods import start_of_period
from services.earning.occasions import (
    CapOfOrganisation,
    CountKey,
    EvidenceKey,
    OccasionEntry,
    Occasions,
    OrganisationPeriod,
    key_of_birthday,
    key_of_correction,
    key_of_sign_up,
)
from shared.events.activity_completed import ActivityCompleted
from shared.events.birthday_reached import BirthdayReached
from shared.events.correction_requested import CorrectionRequested
from shared.events.member_registered import MemberProfile
from shared.programs.expiry import business_day
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered

OCCASION_COLUMNS = {
    "occasions": """
        SELECT json_agg(o)
          FROM unnest(:occasion_key::uuid[]) AS k (occasion_key),
               LATERAL (SELECT * FROM occasion WHERE occasion_key = k.occasion_key OFFSET 0) AS o
    """,
    "activity_counts": """
        SELECT json_agg(c)
          FROM unnest(:count_key::uuid[]) AS k (count_key),
               LATERAL (SELECT * FROM activity_count WHERE count_key = k.count_key OFFSET 0) AS c
    """,
    "evidence": """
        SELECT json_agg(json_build_array(k.program_id, k.evidence_sha256))
          FROM unnest(:evidence_program::text[], :evidence_sha256::text[]) AS k (program_id, evidence_sha256),
               LATERAL (SELECT FROM occasion WHERE program_id = k.program_id
                           AND evidence_sha256 = k.evidence_sha256 OFFSET 0) AS o
    """,
    "organisation_points": """
        SELECT json_agg(o)
          FROM unnest(:or_program::text[], :or_id::text[], :or_per::text[], :or_starts::date[])
               AS k (program_id, organisation_id, per, starts),
               LATERAL (SELECT * FROM organisation_points
                         WHERE program_id = k.program_id AND organisation_id = k.organisation_id AND per = k.per
                           AND starts = k.starts OFFSET 0) AS o
    """,
}


def occasion_load_arguments(events: Iterable[Delivered], programs: ProgramBook) -> dict[str, object]:
    """Every parameter of OCCASION_COLUMNS. `events`: those of the batch that are neither receipts nor drops."""
    occasions: set[UUID] = set()
    counts: set[CountKey] = set()
    evidence: set[EvidenceKey] = set()
    periods: set[OrganisationPeriod] = set()
    for delivered in events:
        body = delivered.required_event.data
        if isinstance(body, MemberProfile):
            occasions.add(key_of_sign_up(body.program_id, body.member_id))
        elif isinstance(body, BirthdayReached):
            occasions.add(key_of_birthday(body.program_id, body.member_id, body.day.year))
        elif isinstance(body, CorrectionRequested):
            occasions.add(key_of_correction(body.program_id, body.correction_id))
        elif isinstance(body, ActivityCompleted):
            if body.evidence_sha256 is not None:
                evidence.add((body.program_id, body.evidence_sha256))
            _add_periods(body, delivered.required_event.time, programs, counts, periods)
    return {
        "occasion_key": list(occasions),
        "count_key": [key.uuid for key in counts],
        "evidence_program": [program for program, _ in evidence],
        "evidence_sha256": [digest for _, digest in evidence],
        "or_program": [program for program, _, _, _ in periods],
        "or_id": [organisation for _, organisation, _, _ in periods],
        "or_per": [per for _, _, per, _ in periods],
        "or_starts": [starts for _, _, _, starts in periods],
    }


def _add_periods(
    done: ActivityCompleted,
    time: datetime,
    programs: ProgramBook,
    counts: set[CountKey],
    periods: set[OrganisationPeriod],
) -> None:
    """Which periods the activity is counted in, by the version in force at its time."""
    version = programs.in_force(done.program_id, time)
    if version is None:
        return
    pack = version.pack
    activity = next((one for one in pack.activities if one.activity_id == done.activity_id), None)
    if activity is None:
        return
    day = business_day(time, ZoneInfo(pack.time_zone))
    starts = start_of_period(day, activity.per)
    counts.add(CountKey(done.program_id, done.member_id, done.activity_id, activity.per, starts))
    for organisation in pack.organisations:
        if organisation.organisation_id == activity.organisation_id:
            for cap in organisation.caps:
                start = start_of_period(day, cap.per)
                periods.add((done.program_id, organisation.organisation_id, cap.per, start))


def fill_occasions(occasions: Occasions, row: Mapping[str, Any]) -> None:
    """Put the loaded facts on this part of the desk."""
    for stored in _rows(row["occasions"]):
        entry = _occasion(stored)
        occasions.entries[entry.occasion_key] = entry
    for stored in _rows(row["activity_counts"]):
        key = CountKey(
            stored["program_id"], stored["member_id"], stored["activity_id"], stored["per"], _day(stored["starts"])
        )
        occasions.done[key] = stored["times"]
    occasions.evidence.update((program, digest) for program, digest in _rows(row["evidence"]))
    for stored in _rows(row["organisation_points"]):
        period = (stored["program_id"], stored["organisation_id"], stored["per"], _day(stored["starts"]))
        occasions.points[period] = CapOfOrganisation(stored["points"])


def _occasion(stored: Mapping[str, Any]) -> OccasionEntry:
    return OccasionEntry(
        occasion_key=UUID(stored["occasion_key"]),
        program_id=stored["program_id"],
        member_id=stored["member_id"],
        kind=stored["kind"],
        event_key=UUID(stored["event_key"]),
        event_time=datetime.fromisoformat(stored["event_time"]),
        outcome=stored["outcome"],
        rule_version=stored["rule_version"],
        facts=EarnFacts.from_json(stored["facts"]),
        activity_id=stored["activity_id"],
        organisation_id=stored["organisation_id"],
        evidence_sha256=stored["evidence_sha256"],
        revision=stored["revision"],
        changed=False,
    )


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _rows(column: str | None) -> Sequence[Any]:
    rows: list[Any] = orjson.loads(column) if column else []
    return rows
