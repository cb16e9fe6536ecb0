"""Steps that sign-ups, birthdays and activities share: the facts they are judged by, and what they are given."""

from collections.abc import Callable, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from services.earning.decide.count import left_for, note_used
from services.earning.decide.decline import grant_source, tell_declined
from services.earning.decide.reward import Deed, issue_reward
from services.earning.decide.tiers import tier_at
from services.earning.desk import EarningDesk, reference
from services.earning.domain.award import Award
from services.earning.domain.facts import EarnFacts
from services.earning.domain.gather_facts import gather_facts
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import OccasionEntry
from shared.calendar.unpublished import CalendarYearUnpublishedError
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered


def program_at(event: CloudEvent, program_id: str, desk: EarningDesk) -> CompiledProgram | None:
    """The version in force at the event's own time."""
    version = desk.programs.in_force(program_id, event.time)
    return None if version is None else desk.compiled[program_id, version.version]


def occasion_facts(event: CloudEvent, member_id: str, program: CompiledProgram, desk: EarningDesk) -> EarnFacts:
    """What the program's rules of occasions ask for. Raises CalendarYearUnpublishedError."""
    member = desk.members.get((program.program_id, member_id))
    return gather_facts(
        program,
        event.time,
        listed=member is not None and member.listed_party,
        birth_month_day=None if member is None else member.birth_month_day,
        left=left_for(desk, program, member_id, event.time, program.asks_of_occasions),
        tier=tier_at(desk, program, member_id, event.time) if program.asks_of_occasions.tier else None,
        segments=frozenset() if member is None else member.segments,
        asks=program.asks_of_occasions,
    )


def nothing_given(facts: EarnFacts, earn: Callable[[EarnFacts], object]) -> ReasonCode:
    """Why no rule gave anything: their caps are used up (C09), else none applied."""
    uncapped = replace(facts, left=MappingProxyType({}))
    return ReasonCode.CAP_REACHED if facts.left and earn(uncapped) else ReasonCode.NO_QUALIFYING_TRANSACTION


def rejected_for(error: CalendarYearUnpublishedError) -> Rejected:
    """A dead letter that can be replayed once the notice is in the pack; the desk must be untouched."""
    sentence = str(error)
    return Rejected(error.code, f"{sentence[0].upper()}{sentence[1:]}.", ())


def grant_occasion(
    delivered: Delivered, entry: OccasionEntry, awards: Sequence[Award], program: CompiledProgram, desk: EarningDesk
) -> ReasonCode | None:
    """Issue the awards and put the occasion on the desk; each budget that cannot pay is told.

    Returns BUDGET_EXHAUSTED if one could not. Where none could, `entry.grants` stays empty and nothing has counted.
    """
    event = delivered.required_event
    deed = Deed(
        program=program,
        member_id=entry.member_id,
        event_key=event.event_key,
        event_source=event.source,
        source=grant_source(delivered),
        time=event.time,
        correlation_id=reference(event),
    )
    code, paid = None, []
    for award in awards:
        grant = issue_reward(deed, award, desk)
        if grant is not None:
            entry.grants.append(grant)
            paid.append(award)
            continue
        code = ReasonCode.BUDGET_EXHAUSTED
        purpose = f"declined/{award.points_class}/{award.budget_id}"
        would = award.points
        version = program.version
        tell_declined(delivered, desk, code, would_have_earned=would, rule_version=version, purpose=purpose)
    if entry.grants:
        entry.cap_uses = note_used(desk, program, entry.member_id, event.time, paid)
        desk.occasions.put(entry)
    return code
