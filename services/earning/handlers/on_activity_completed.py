"""`activity.completed`: a deed that is no purchase earns with its evidence, as often as the pack allows (C09)."""

from datetime import date
from typing import NamedTuple, cast

from services.earning.decide.decline import decide, tell_declined
from services.earning.decide.occasion import grant_occasion, nothing_given, occasion_facts, program_at, rejected_for
from services.earning.decide.organisation import awards_of_organisation, count_points, is_beyond_caps
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.desk import EarningDesk, MemberEntry
from services.earning.domain.award import Award
from services.earning.domain.earn_occasion import earn_activity, refusal_of_activity
from services.earning.domain.eligibility import refusal_of_deed
from services.earning.domain.facts import EarnFacts
from services.earning.domain.periods import start_of_period
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import CountKey, OccasionEntry
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.activity_completed import ActivityCompleted
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.programs.community import Activity, Organisation
from shared.programs.expiry import business_day
from shared.runtime.batch import Delivered, Fate


def on_activity_completed(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Grant, decline with a code, wait for the registration, or forward under the right key."""
    done = cast(ActivityCompleted, delivered.required_event.data)
    require_program(desk, done.program_id)
    member = (done.program_id, done.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, *member)) is not None:
        return fate
    try:
        judging = _judging(delivered, done, desk)
    except CalendarYearUnpublishedError as error:
        raise rejected_for(error) from None
    if judging is None:
        tell_declined(delivered, desk, ReasonCode.PROGRAM_NOT_IN_FORCE)
        decide(delivered, desk, "declined", code=ReasonCode.PROGRAM_NOT_IN_FORCE)
        return Fate.APPLIED
    code = _refusal(delivered, done, judging, desk)
    if code is None:
        _grant(delivered, done, judging, desk)
    else:
        would = sum(award.points for award in judging.awards)
        tell_declined(delivered, desk, code, would_have_earned=would, rule_version=judging.program.version)
        decide(delivered, desk, "declined", code=code, would_have_earned=would)
    return Fate.APPLIED


class _Judging(NamedTuple):
    """What an activity is judged by. `organisation`: that registered it."""

    program: CompiledProgram
    facts: EarnFacts
    member: MemberEntry | None
    activity: Activity | None
    organisation: Organisation | None
    day: date
    awards: tuple[Award, ...]

    def count_key(self, done: ActivityCompleted) -> CountKey:
        per = "lifetime" if self.activity is None else self.activity.per
        return CountKey(done.program_id, done.member_id, done.activity_id, per, start_of_period(self.day, per))


def _judging(delivered: Delivered, done: ActivityCompleted, desk: EarningDesk) -> _Judging | None:
    """None where no version was in force. Raises CalendarYearUnpublishedError, the desk being untouched."""
    event = delivered.required_event
    program = program_at(event, done.program_id, desk)
    if program is None:
        return None
    member = desk.members.get((done.program_id, done.member_id))
    facts = occasion_facts(event, done.member_id, program, desk)
    activity = program.activities.get(done.activity_id)
    organisation = None if activity is None else program.organisations.get(activity.organisation_id or "")
    awards = awards_of_organisation(earn_activity(done.activity_id, facts, program), organisation)
    day = business_day(event.time, program.zone)
    return _Judging(program, facts, member, activity, organisation, day, awards)


def _refusal(delivered: Delivered, done: ActivityCompleted, judging: _Judging, desk: EarningDesk) -> ReasonCode | None:
    member = judging.member
    code = refusal_of_deed(
        event_time=delivered.required_event.time,
        arrival=delivered.arrival,
        registered=member is not None and member.is_open_at(delivered.required_event.time),
        listed=member is not None and member.listed_party,
        pack=judging.program.pack,
    )
    before = desk.occasions.done.get(judging.count_key(done), 0)
    code = code or refusal_of_activity(done, judging.activity, judging.day, before)
    if code is not None or member is None:
        return code
    if _is_of_others(done, judging, member):
        return ReasonCode.NOT_ELIGIBLE
    if done.evidence_sha256 is not None and (done.program_id, done.evidence_sha256) in desk.occasions.evidence:
        return ReasonCode.DUPLICATE_EARN  # the same file has proved a deed already, perhaps another member's
    if not judging.awards:
        return nothing_given(judging.facts, lambda facts: earn_activity(done.activity_id, facts, judging.program))
    beyond = is_beyond_caps(judging.program, judging.organisation, judging.day, judging.awards, desk)
    return ReasonCode.CAP_REACHED if beyond else None


def _is_of_others(done: ActivityCompleted, judging: _Judging, member: MemberEntry) -> bool:
    """An organisation's activity counts for its members alone, and nobody acts for one that is not theirs."""
    named = {judging.activity.organisation_id if judging.activity else None, done.organisation_id} - {None}
    return bool(named - {member.organisation_id})


def _grant(delivered: Delivered, done: ActivityCompleted, judging: _Judging, desk: EarningDesk) -> None:
    event = delivered.required_event
    entry = OccasionEntry(
        occasion_key=event.event_key,
        program_id=done.program_id,
        member_id=done.member_id,
        kind="activity",
        event_key=event.event_key,
        event_time=event.time,
        outcome="granted",
        rule_version=judging.program.version,
        facts=judging.facts,
        activity_id=done.activity_id,
        organisation_id=None if judging.member is None else judging.member.organisation_id,
        evidence_sha256=done.evidence_sha256,
    )
    code = grant_occasion(delivered, entry, judging.awards, judging.program, desk)
    given = sum(grant.points for grant in entry.grants)
    if entry.grants:
        desk.occasions.count(judging.count_key(done))
        count_points(judging.program, judging.organisation, judging.day, given, desk)
    would = sum(award.points for award in judging.awards) - given
    decide(delivered, desk, "granted" if entry.grants else "declined", code=code, would_have_earned=would)
