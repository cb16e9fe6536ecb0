"""What the API tells of a sign-up, birthday, activity or correction: recomputed, and held to the books."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.earning.decide.book_claw_back import granted_of
from services.earning.decide.organisation import awards_of_organisation
from services.earning.desk import GrantEntry
from services.earning.domain import equality, red_lines
from services.earning.domain.award import Award
from services.earning.domain.earn_occasion import earn_activity, earn_once
from services.earning.domain.explain_occasion import explain_occasion
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.occasions import key_of_birthday, key_of_correction, key_of_sign_up
from services.earning.store import occasion_queries
from services.earning.store.stored_deeds import grant_of
from shared.events.activity_completed import ActivityCompleted
from shared.events.birthday_reached import BirthdayReached
from shared.events.cloudevent import event_key
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day
from shared.runtime.service import Running

Row = Mapping[str, Any]
Told = dict[str, Any]
YEARS_BACK = 10
"""Of a member's birthdays those of as many years are looked for."""


async def explained_occasions(running: Running, program_id: str, wanted: str) -> list[Told]:
    """`wanted`: a correction's id, an event's, or a member's for the reward for joining and the birthdays.

    Of an event that was declined there are no stored facts, so nothing is recomputed; its code says why.
    """
    zone = ZoneInfo(running.programs.versions(program_id)[-1].pack.time_zone)
    decisions = await occasion_queries.decisions_of(running.pool, program_id, [wanted])
    keys = {key_of_sign_up(program_id, wanted): None, key_of_correction(program_id, wanted): None}
    this_year = business_day(await running.pool.fetchval("SELECT service_now()"), zone).year
    keys |= {key_of_birthday(program_id, wanted, this_year - back): None for back in range(YEARS_BACK)}
    for decision in decisions:
        keys |= dict.fromkeys(_keys_of(decision, zone))
    found = await occasion_queries.occasions(running.pool, list(keys))
    told = [_told(running, one) for one in found if one["occasion"]["kind"] != "correction"]
    asked = await occasion_queries.correction(running.pool, program_id, wanted)
    if asked is not None:
        correction = [one for one in found if one["occasion"]["kind"] == "correction"]
        told.append(_correction(running, asked, correction[0] if correction else None))
    shown = {one["decision"]["event_key"] for one in found if one["decision"] is not None}
    told += [_declined(running, decision) for decision in decisions if decision["event_key"] not in shown]
    return told


def _keys_of(decision: Row, zone: ZoneInfo) -> list[Any]:
    """Of the occasion that an event is, or may be, about."""
    program_id, member_id = decision["program_id"], decision["member_id"]
    if decision["event_type"] == ActivityCompleted.TYPE:
        return [event_key(decision["event_source"], decision["event_id"])]
    if decision["event_type"] == BirthdayReached.TYPE:
        year = business_day(datetime.fromisoformat(decision["event_time"]), zone).year
        return [key_of_birthday(program_id, member_id, year)]
    return [key_of_sign_up(program_id, member_id)]


def _told(running: Running, stored: Row) -> Told:
    occasion, decision = stored["occasion"], stored["decision"]
    grants = [grant_of(grant) for grant in stored["grants"] or []]
    code = None if decision is None else decision["code"]
    answer = _outcome(occasion["kind"], occasion["member_id"], occasion["outcome"], code, stored["grants"] or [])
    answer |= {"activity_id": occasion["activity_id"], "decisions": [] if decision is None else [decision]}
    version = running.programs.version(occasion["program_id"], occasion["rule_version"])
    if version is None:
        return answer
    program = compile_program(version.pack)
    facts = EarnFacts.from_json(occasion["facts"])
    computed = _computed(occasion, facts, program)
    explanation = explain_occasion(occasion["kind"], occasion["activity_id"], facts, program, computed)
    explanation["red_lines"] = _red_lines(occasion["member_id"], decision, program, computed, grants)
    found = equality.differences(
        computed,
        [_whole(grant) for grant in grants],
        [granted_of(grant) for grant in grants],
        declined=occasion["outcome"] != "granted",
        budget_refused=code == ReasonCode.BUDGET_EXHAUSTED,
        judged_anew_once=True,
    )
    return answer | {"explanation": explanation, **equality.told(found)}


def _computed(occasion: Row, facts: EarnFacts, program: CompiledProgram) -> Sequence[Award]:
    if occasion["kind"] == "activity":
        activity = program.activities.get(occasion["activity_id"])
        organisation = program.organisations.get("" if activity is None else activity.organisation_id or "")
        return awards_of_organisation(earn_activity(occasion["activity_id"], facts, program), organisation)
    award = earn_once(occasion["kind"], facts, program)
    return () if award is None else (award,)


def _correction(running: Running, asked: Row, booked: Row | None) -> Told:
    """What two persons agreed on is what was granted or told: nothing else decides it."""
    correction, decision = asked["correction"], asked["decision"]
    grants = [] if booked is None else [grant_of(grant) for grant in booked["grants"] or []]
    outcome = correction["state"] if decision is None else decision["outcome"]
    code = None if decision is None else decision["code"]
    stored = [] if booked is None else booked["grants"] or []
    answer = _outcome("correction", correction["member_id"], outcome, code, stored)
    answer |= {"correction": correction, "steps": asked["steps"] or [], "decisions": [decision] if decision else []}
    version = None if booked is None else booked["occasion"]["rule_version"]
    held = running.programs.version(correction["program_id"], version or 0)
    if held is None:
        return answer
    program = compile_program(held.pack)
    credit = max(0, correction["points"])
    computed = (Award("PROMO", correction["budget_id"], credit, ()),) if credit else ()
    explanation = {
        "program_id": program.program_id,
        "version": program.version,
        "rules": [],
        "points": correction["points"],
        "red_lines": _red_lines(correction["member_id"], decision, program, computed, grants),
    }
    found = equality.differences(
        computed,
        [_whole(grant) for grant in grants],
        [granted_of(grant) for grant in grants],
        declined=outcome != "granted",
        budget_refused=False,
        judged_anew_once=True,
    )
    return answer | {"explanation": explanation, **equality.told(found)}


def _declined(running: Running, decision: Row) -> Told:
    kind = {ActivityCompleted.TYPE: "activity", BirthdayReached.TYPE: "birthday"}.get(decision["event_type"], "sign_up")
    answer = _outcome(kind, decision["member_id"], decision["outcome"], decision["code"], [])
    answer |= {"decisions": [decision], "would_have_earned": decision["would_have_earned"]}
    version = running.programs.in_force(decision["program_id"], datetime.fromisoformat(decision["event_time"]))
    if version is None:
        return answer
    program = compile_program(version.pack)
    return answer | {
        "explanation": {
            "program_id": program.program_id,
            "version": program.version,
            "rules": [],
            "points": 0,
            "red_lines": _red_lines(decision["member_id"], decision, program, (), ()),
        }
    }


def _outcome(kind: str, member_id: str, outcome: str, code: str | None, grants: Sequence[Row]) -> Told:
    return {
        "kind": kind,
        "member_id": member_id,
        "outcome": outcome,
        "code": code,
        "granted": sum(grant["points"] for grant in grants),
        "clawed_back": sum(grant["clawed_back"] for grant in grants),
        "grants": grants,
    }


def _whole(grant: GrantEntry) -> Award:
    """No occasion is taken back."""
    return Award(grant.points_class, grant.budget_id, grant.points, ())


def _red_lines(
    member_id: str,
    decision: Row | None,
    program: CompiledProgram,
    computed: Sequence[Award],
    grants: Sequence[GrantEntry],
) -> list[Told]:
    if decision is None:
        return []
    written = decision["code"]
    code = ReasonCode(written) if written in ReasonCode.__members__ else None
    told = red_lines.of_occasion(
        member_id,
        code=code,
        event_time=datetime.fromisoformat(decision["event_time"]),
        arrival=datetime.fromisoformat(decision["arrival"]),
        pack=program.pack,
        is_debit=decision["outcome"] == "debited",
    )
    granted = {(grant.points_class, grant.budget_id) for grant in grants}
    if grants or code is ReasonCode.BUDGET_EXHAUSTED:
        told += red_lines.of_budgets(computed, granted, program.budgets)
    return told
