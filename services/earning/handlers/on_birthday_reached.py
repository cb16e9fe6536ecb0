"""`birthday.reached`: the birthday points of the year, by the rules in force when the day began; once per year."""

from typing import cast

from services.earning.decide.decline import decide, tell_declined
from services.earning.decide.occasion import grant_occasion, nothing_given, occasion_facts, program_at, rejected_for
from services.earning.decide.route import forward_if_misplaced, require_own, require_program, wait_for_turn
from services.earning.desk import EarningDesk
from services.earning.domain.award import Award
from services.earning.domain.earn_occasion import earn_once
from services.earning.domain.eligibility import refusal_of_deed
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import OccasionEntry, key_of_birthday
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.birthday_reached import BirthdayReached
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_birthday_reached(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Grant, or decline with a code; a second birthday in a year is refused, whatever the profile said meanwhile."""
    reached = cast(BirthdayReached, delivered.required_event.data)
    require_own(delivered)
    require_program(desk, reached.program_id)
    member = (reached.program_id, reached.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, *member)) is not None:
        return fate
    try:
        _judge(delivered, reached, desk)
    except CalendarYearUnpublishedError as error:
        raise rejected_for(error) from None
    return Fate.APPLIED


def _judge(delivered: Delivered, reached: BirthdayReached, desk: EarningDesk) -> None:
    event = delivered.required_event
    program = program_at(event, reached.program_id, desk)
    if program is None:
        _decline(delivered, desk, ReasonCode.PROGRAM_NOT_IN_FORCE)
        return
    member = desk.members.get((reached.program_id, reached.member_id))
    entry = OccasionEntry(
        occasion_key=key_of_birthday(reached.program_id, reached.member_id, reached.day.year),
        program_id=reached.program_id,
        member_id=reached.member_id,
        kind="birthday",
        event_key=event.event_key,
        event_time=event.time,
        outcome="granted",
        rule_version=program.version,
        facts=occasion_facts(event, reached.member_id, program, desk),
    )
    award = earn_once("birthday", entry.facts, program)
    code = refusal_of_deed(
        event_time=event.time,
        arrival=delivered.arrival,
        registered=member is not None and member.is_open_at(event.time),
        listed=member is not None and member.listed_party,
        pack=program.pack,
    )
    if code is None and entry.occasion_key in desk.occasions.entries:
        code = ReasonCode.DUPLICATE_EARN
    if code is not None or award is None:
        code = code or nothing_given(entry.facts, lambda facts: earn_once("birthday", facts, program))
        _decline(delivered, desk, code, award, program)
        return
    code = grant_occasion(delivered, entry, (award,), program, desk)
    would = 0 if entry.grants else award.points
    decide(delivered, desk, "granted" if entry.grants else "declined", code=code, would_have_earned=would)


def _decline(
    delivered: Delivered,
    desk: EarningDesk,
    code: ReasonCode,
    award: Award | None = None,
    program: CompiledProgram | None = None,
) -> None:
    would, version = 0 if award is None else award.points, None if program is None else program.version
    tell_declined(delivered, desk, code, would_have_earned=would, rule_version=version)
    decide(delivered, desk, "declined", code=code, would_have_earned=would)
