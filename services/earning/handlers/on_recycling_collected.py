"""`recycling.collected`: a drop earns by the tariffs of its own time, once."""

from typing import cast

from services.earning.decide.count import facts_of_caps, note_used
from services.earning.decide.decline import decide, grant_source, tell_declined
from services.earning.decide.reject_drop import settle_rejections
from services.earning.decide.reward import Deed, issue_reward
from services.earning.decide.route import forward_if_misplaced, require_program, wait_for_turn
from services.earning.deeds import DropEntry, key_of_drop
from services.earning.desk import EarningDesk, reference
from services.earning.domain.award import Award
from services.earning.domain.earn_drop import RefusedRule, earn_drop, line_of, refused_rules
from services.earning.domain.eligibility import refusal_of_deed
from services.earning.domain.program import CompiledProgram
from services.earning.domain.rejection import amount_of
from services.earning.domain.weighing import refusal_of_weighing
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.recycling_collected import RecyclingCollected
from shared.programs.expiry import business_day
from shared.runtime.batch import Delivered, Fate


def on_recycling_collected(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Grant, decline with a code, wait for the registration, or forward under the right key."""
    drop = cast(RecyclingCollected, delivered.required_event.data)
    require_program(desk, drop.program_id)
    key = member_key(drop.program_id, drop.member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, drop.program_id, drop.member_id)) is not None:
        return fate
    known = desk.drop(drop.program_id, drop.drop_id)
    if known is not None and known.collected is not None:
        correlation = known.correlation_id
        tell_declined(delivered, desk, ReasonCode.DUPLICATE_EARN, correlation_id=correlation)
        decide(delivered, desk, "declined", code=ReasonCode.DUPLICATE_EARN, correlation_id=correlation)
        return Fate.APPLIED
    entry = _enter(delivered, drop, known, desk)
    _judge(delivered, drop, entry, desk)
    settle_rejections(entry, desk)
    return Fate.APPLIED


def _enter(delivered: Delivered, drop: RecyclingCollected, awaited: DropEntry | None, desk: EarningDesk) -> DropEntry:
    """Put the drop into the books, filling the row a rejection may have left."""
    event = delivered.required_event
    entry = awaited or DropEntry(
        key_of_drop(drop.program_id, drop.drop_id), drop.program_id, drop.drop_id, drop.station_id, drop.member_id
    )
    entry.station_id, entry.member_id = drop.station_id, drop.member_id
    entry.event_key, entry.event_source, entry.event_id = event.event_key, event.source, event.id
    entry.event_time = event.time
    entry.collected, entry.collected_json = drop, event.known.decode()
    entry.rejected = [0] * len(drop.items)
    member = desk.members.get((drop.program_id, drop.member_id))
    entry.organisation_id = None if member is None else member.organisation_id
    entry.changed = True
    desk.drops[entry.drop_key] = entry
    return entry


def _judge(delivered: Delivered, drop: RecyclingCollected, entry: DropEntry, desk: EarningDesk) -> None:
    event = delivered.required_event
    version = desk.programs.in_force(drop.program_id, event.time)
    if version is None:
        _decline(delivered, entry, desk, ReasonCode.PROGRAM_NOT_IN_FORCE)
        return
    program = desk.compiled[version.program_id, version.version]
    entry.rule_version = version.version
    member = desk.members.get((drop.program_id, drop.member_id))
    entry.facts = facts_of_caps(desk, program, drop.member_id, event.time)
    awards = earn_drop(drop, [amount_of(item) for item in drop.items], program, entry.facts)
    refused = refused_rules(drop, program, entry.facts)
    would = sum(award.points for award in awards) + sum(rule.would for rule in refused)
    code = refusal_of_deed(
        event_time=event.time,
        arrival=delivered.arrival,
        registered=member is not None and member.is_open_at(event.time),
        listed=member is not None and member.listed_party,
        pack=version.pack,
    ) or refusal_of_weighing(drop, business_day(event.time, program.zone), program.stations)
    if code is None and not awards:
        code = refused[0].code if refused else ReasonCode.NO_QUALIFYING_TRANSACTION
    if code is not None:
        _decline(delivered, entry, desk, code, would, program)
        return
    _issue(delivered, entry, awards, refused, program, desk)


def _issue(
    delivered: Delivered,
    entry: DropEntry,
    awards: tuple[Award, ...],
    refused: tuple[RefusedRule, ...],
    program: CompiledProgram,
    desk: EarningDesk,
) -> None:
    """Grant what can be granted; each rule or budget that gives less is told with its code."""
    event, drop = delivered.required_event, cast(RecyclingCollected, delivered.required_event.data)
    deed = Deed(
        program=program,
        member_id=drop.member_id,
        event_key=event.event_key,
        event_source=event.source,
        source=grant_source(delivered),
        time=event.time,
        correlation_id=reference(event),
        skus={line_of(place): item.material for place, item in enumerate(drop.items)},
    )
    partly: list[tuple[str, ReasonCode, int]] = [
        (f"declined/{rule.rule_id}", rule.code, rule.would) for rule in refused
    ]
    paid = []
    for award in awards:
        grant = issue_reward(deed, award, desk)
        if grant is None:
            purpose = f"declined/{award.points_class}/{award.budget_id}"
            partly.append((purpose, ReasonCode.BUDGET_EXHAUSTED, award.points))
        else:
            entry.grants.append(grant)
            paid.append(award)
    entry.cap_uses = note_used(desk, program, drop.member_id, event.time, paid)
    for purpose, code, would in partly:
        tell_declined(delivered, desk, code, would_have_earned=would, rule_version=program.version, purpose=purpose)
    first = partly[0][1] if partly else None
    entry.outcome = "granted" if entry.grants else "declined"
    entry.code = None if first is None else first.value
    decide(delivered, desk, entry.outcome, code=first, would_have_earned=sum(would for _, _, would in partly))


def _decline(
    delivered: Delivered,
    entry: DropEntry,
    desk: EarningDesk,
    code: ReasonCode,
    would_have_earned: int = 0,
    program: CompiledProgram | None = None,
) -> None:
    entry.outcome, entry.code = "declined", code.value
    version = None if program is None else program.version
    tell_declined(delivered, desk, code, would_have_earned=would_have_earned, rule_version=version)
    decide(delivered, desk, "declined", code=code, would_have_earned=would_have_earned)
