"""The reward for joining: once per member and program, as soon as the member's phone is verified (C01)."""

from collections.abc import Mapping

from msgspec.structs import replace

from services.earning.decide.count import left_for
from services.earning.decide.decline import tell_declined
from services.earning.decide.occasion import grant_occasion, nothing_given, occasion_facts, program_at
from services.earning.desk import EarningDesk
from services.earning.domain.asked import FactsAsked
from services.earning.domain.earn_occasion import earn_once
from services.earning.domain.eligibility import refusal_of_deed
from services.earning.domain.facts import Counter
from services.earning.domain.licence import refusal_by_licence
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import OccasionEntry, key_of_sign_up
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered

PHONE_MISSING = "The phone is not verified yet; the reward follows once it is."


def reward_joining(delivered: Delivered, member_id: str, program_id: str, desk: EarningDesk) -> ReasonCode | None:
    """The first registration of a member; whether anything is owed is decided here, once.

    Returns why nothing was given; None as well where the program promises nothing. The registration itself stands
    whatever is decided: even a calendar that nobody has published refuses the reward alone.
    """
    event, member = delivered.required_event, desk.members[program_id, member_id]
    program = program_at(event, program_id, desk)
    if program is None:
        return None
    entry = _entry(delivered, program_id, member_id, program)
    try:
        entry.facts = occasion_facts(event, member_id, program, desk)
        promised = earn_once("sign_up", replace(entry.facts, listed=False), program)
    except CalendarYearUnpublishedError:
        return _refuse(delivered, desk, ReasonCode.CALENDAR_YEAR_UNPUBLISHED, 0, program)
    if promised is None:
        why = nothing_given(entry.facts, lambda facts: earn_once("sign_up", facts, program))
        return _refuse(delivered, desk, why, 0, program) if why is ReasonCode.CAP_REACHED else None
    code = refusal_of_deed(
        event_time=event.time,
        arrival=delivered.arrival,
        registered=True,
        listed=member.listed_party,
        pack=program.pack,
    )
    if code is not None:
        return _refuse(delivered, desk, code, promised.points, program)
    if not member.phone_verified:
        desk.occasions.put(entry)
        code = ReasonCode.ISSUE_TO_UNSPECIFIED
        return _refuse(delivered, desk, code, promised.points, program, detail=PHONE_MISSING)
    return _grant(delivered, entry, program, desk)


def reward_verified(delivered: Delivered, member_id: str, program_id: str, desk: EarningDesk) -> ReasonCode | None:
    """The profile changed: a reward that waits for the phone is given by the version and facts of the registration.

    Returns why nothing was given; None where nothing waited.
    """
    entry = desk.occasions.entries.get(key_of_sign_up(program_id, member_id))
    member = desk.members[program_id, member_id]
    if entry is None or entry.outcome != "waiting" or not member.phone_verified:
        return None
    program = desk.compiled[program_id, entry.rule_version]
    event = delivered.required_event
    entry.event_key, entry.event_time, entry.changed = event.event_key, event.time, True
    if member.listed_party:
        entry.outcome = "declined"
        return _refuse(delivered, desk, ReasonCode.LISTED_PARTY, 0, program)
    today = program_at(event, program_id, desk)  # a licence renewed since the registration counts
    if today is not None and (unlicensed := refusal_by_licence(today.pack, event.time)) is not None:
        entry.outcome = "declined"
        return _refuse(delivered, desk, unlicensed, 0, program)
    entry.facts = replace(entry.facts, left={**entry.facts.left, **_left_of_campaigns(delivered, entry, program, desk)})
    return _grant(delivered, entry, program, desk)


def _left_of_campaigns(
    delivered: Delivered, entry: OccasionEntry, program: CompiledProgram, desk: EarningDesk
) -> Mapping[Counter, int]:
    """They may have run out since the registration; a member's own caps cannot: nothing was given meanwhile."""
    asks = FactsAsked(campaigns=program.asks_of_occasions.campaigns)
    return left_for(desk, program, entry.member_id, delivered.required_event.time, asks)


def is_granted(delivered: Delivered, member_id: str, program_id: str, desk: EarningDesk) -> bool:
    """Whether this very event brought the reward."""
    entry = desk.occasions.entries.get(key_of_sign_up(program_id, member_id))
    return entry is not None and entry.outcome == "granted" and entry.event_key == delivered.required_event.event_key


def _entry(delivered: Delivered, program_id: str, member_id: str, program: CompiledProgram) -> OccasionEntry:
    event = delivered.required_event
    return OccasionEntry(
        occasion_key=key_of_sign_up(program_id, member_id),
        program_id=program_id,
        member_id=member_id,
        kind="sign_up",
        event_key=event.event_key,
        event_time=event.time,
        outcome="waiting",
        rule_version=program.version,
    )


def _grant(
    delivered: Delivered, entry: OccasionEntry, program: CompiledProgram, desk: EarningDesk
) -> ReasonCode | None:
    award = earn_once("sign_up", entry.facts, program)
    if award is None:
        entry.outcome = "declined"
        return _refuse(delivered, desk, ReasonCode.CAP_REACHED, 0, program)
    code = grant_occasion(delivered, entry, (award,), program, desk)
    entry.outcome = "granted" if entry.grants else "declined"
    return code


def _refuse(
    delivered: Delivered,
    desk: EarningDesk,
    code: ReasonCode,
    would: int,
    program: CompiledProgram,
    detail: str | None = None,
) -> ReasonCode:
    purpose = "declined/sign_up"
    version = program.version
    tell_declined(delivered, desk, code, would_have_earned=would, rule_version=version, purpose=purpose, detail=detail)
    return code
