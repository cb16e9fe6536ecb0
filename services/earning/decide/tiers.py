"""Tiers (points.md, Tiers): what a member has at a time, what counts for it, and what becomes of it after an event.

Whatever handler earned or took back, the tier follows once its event is done (`with_tiers`): a receipt is judged by the
tier held before it. An end of validity that has come is judged first, whichever event or timer gets there.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from services.earning.decide.route import EFFECTS, OWN_SOURCE
from services.earning.desk import EarningDesk, MemberKey, ReceiptEntry, reference
from services.earning.domain.basis import line_bases
from services.earning.domain.earn import out_of_scope
from services.earning.domain.licence import LICENCE_CODES
from services.earning.domain.program import CompiledProgram
from services.earning.domain.tiers import (
    Count,
    Reason,
    Standing,
    TierTerms,
    at_its_end,
    risen,
    without_what_came_back,
)
from services.earning.tier_book import Added, TierChange, TierEntry
from shared.events.cloudevent import derived_id
from shared.events.event import EventData
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.tier_changed import TierChanged
from shared.events.tier_due import TierDue
from shared.programs.expiry import start_of_day
from shared.runtime.batch import Delivered, Fate, Handler, Outgoing, outgoing_event

TIERS = "members.tiers.v1"
_SPENT_ALL_THE_SAME = (
    ReasonCode.NO_QUALIFYING_TRANSACTION.value,
    ReasonCode.CAP_REACHED.value,
    ReasonCode.BUDGET_EXHAUSTED.value,
    *(code.value for code in LICENCE_CODES),
)


def tier_at(desk: EarningDesk, program: CompiledProgram, member_id: str | None, time: datetime) -> str | None:
    """The tier the member had at `time`, by its history; an end of validity before that is taken into account."""
    if program.tiers is None or member_id is None:
        return None
    entry = desk.tiers.of((program.program_id, member_id))
    if entry.has_none:
        return None
    if entry.history and time < entry.history[-1][0]:
        return next((tier for since, tier in reversed(entry.history) if since <= time), None)
    standing = entry.standing
    if not standing.holdings:
        return _tier(entry, standing, program.tiers, time)
    day, count = program.dates.day(time), _count(entry, program.tiers)
    while _is_due(standing, program.tiers, day):
        standing = at_its_end(standing, program.tiers, count)
    return _tier(entry, standing, program.tiers, time)


def note_progress(
    desk: EarningDesk,
    program: CompiledProgram,
    member_id: str,
    time: datetime,
    *,
    points: int = 0,
    money_minor: int = 0,
) -> None:
    """Count what the version that judged it counts: on the business day of `time`, that of what earned it."""
    if program.tiers is None or not (points or money_minor):
        return
    member = (program.program_id, member_id)
    desk.tiers.of(member).add(program.dates.day(time), points, money_minor)
    desk.tiers.moved.add(member)


def spent_on(receipt: ReceiptEntry, desk: EarningDesk) -> int:
    """Minor units that the receipt counts for tiers by money as things stand: its basis, points or no points."""
    if receipt.purchase is None or receipt.rule_version is None or receipt.member_id is None:
        return 0
    program = desk.compiled[receipt.program_id, receipt.rule_version]
    if program.tiers is None or program.tiers.part.qualify_by != "money":
        return 0
    if receipt.outcome != "granted" and receipt.code not in _SPENT_ALL_THE_SAME:
        return 0
    if out_of_scope(receipt.purchase, receipt.facts, program) is not None:
        return 0
    return sum(line_bases(receipt.purchase, receipt.returned(), program.tax_excluded, program.shipping_earns))


def with_tiers(handlers: Mapping[type[EventData], Handler[EarningDesk]]) -> dict[type[EventData], Handler[EarningDesk]]:
    """Each handler, and after it what follows for the tiers of those it moved."""
    return {event: _then_tiers(handler) for event, handler in handlers.items()}


def _then_tiers(handler: Handler[EarningDesk]) -> Handler[EarningDesk]:
    def handle(delivered: Delivered, desk: EarningDesk) -> Fate:
        fate = handler(delivered, desk)
        if desk.tiers.moved:
            for member in sorted(desk.tiers.moved):
                _settle(delivered, member, desk)
            desk.tiers.moved.clear()
        return fate

    return handle


def _settle(delivered: Delivered, member: MemberKey, desk: EarningDesk) -> None:
    """Ends that have come, then what the event added or took away; a tier.changed for each change."""
    event, entry = delivered.required_event, desk.tiers.of(member)
    touched, lowered, added = entry.touched, entry.lowered, entry.added
    entry.touched, entry.lowered, entry.added = set(), False, []
    version = desk.programs.in_force(member[0], event.time)
    program = None if version is None else desk.compiled[version.program_id, version.version]
    if program is None or program.tiers is None:
        return
    terms = program.tiers
    if entry.has_none and entry.at_most(terms.part.qualify_by) < terms.thresholds[0]:
        return  # nearly every event: no tier before, none now
    day = program.dates.day(event.time)
    if entry.standing.holdings:
        _end_what_is_due(entry, member, program, day, added, desk)
    count = _count(entry, terms)
    today = _latest_day(entry, program, day)
    before = after = entry.standing
    if lowered:
        after = without_what_came_back(after, terms, today, count)
    for on in touched if touched == {today} else sorted({*touched, today} if touched else ()):
        if on == today or terms.good_until(on) >= today:
            after = risen(after, terms, on, count)
    at = max(event.time, entry.history[-1][0]) if entry.history else event.time
    by_floor = after == before and _tier(entry, after, terms, at) != entry.tier_id
    if after != before or by_floor:
        rose = terms.rank_of(after.tier_id) > terms.rank_of(before.tier_id)
        reason: Reason = "qualified" if rose else "renewed" if after.tier_id == before.tier_id else "refunded"
        reason = "floor" if by_floor else reason
        top = after.top
        told = _Told(
            derived_id(event.source, event.id, "tier"),
            reference(event),
            reason,
            count(today if top is None else top.reached_on),
        )
        _change(entry, member, program, after, at, told, desk)
    _set_due(entry, program)


def _latest_day(entry: TierEntry, program: CompiledProgram, day: date) -> date:
    """The latest day that is known of the member: a late event lifts to nothing that has ended since."""
    latest = max(day, entry.latest)
    if entry.history:
        latest = max(latest, program.dates.day(entry.history[-1][0]))
    if entry.standing.in_grace and entry.standing.top is not None:
        latest = max(latest, entry.standing.top.valid_until + timedelta(days=1))
    return latest


def _end_what_is_due(
    entry: TierEntry,
    member: MemberKey,
    program: CompiledProgram,
    today: date,
    added: Sequence[Added],
    desk: EarningDesk,
) -> None:
    """Without what the event at hand `added`: the timer, had it come in time, would not have counted it either."""
    terms = program.tiers
    if terms is None:
        return
    count = _count(entry, terms, without=added)
    while _is_due(entry.standing, terms, today):
        due_on = entry.standing.due_on(terms) or date.max
        after = at_its_end(entry.standing, terms, count)
        if after.in_grace:
            entry.standing, entry.changed = after, True
            continue
        due_at = start_of_day(due_on, program.zone)
        cause = due_event_id(member, due_at)
        reason: Reason = "renewed" if after.tier_id == entry.standing.tier_id else "validity_ended"
        counted = count(due_on - timedelta(days=1))
        told = _Told(derived_id(OWN_SOURCE, str(cause), "tier"), f"{OWN_SOURCE}#{cause}", reason, counted)
        _change(entry, member, program, after, due_at, told, desk)


class _Told:
    """What a change is told by: its id, its cause, why, and the count that decided."""

    __slots__ = ("cause", "change_id", "counter", "reason")

    def __init__(self, change_id: UUID, cause: str, reason: Reason, counter: int) -> None:
        self.change_id, self.cause, self.reason, self.counter = change_id, cause, reason, counter


def _change(
    entry: TierEntry,
    member: MemberKey,
    program: CompiledProgram,
    after: Standing,
    effective_at: datetime,
    told: _Told,
    desk: EarningDesk,
) -> None:
    before, entry.standing, entry.changed = entry.tier_id, after, True
    terms = program.tiers
    now = after.tier_id if terms is None else _tier(entry, after, terms, effective_at)
    # a floor has no end; who comes back into a grace has the tier until that ends
    due_on = None if terms is None or now != after.tier_id else after.due_on(terms)
    until = None if due_on is None else start_of_day(due_on, program.zone)
    change = TierChange(
        told.change_id,
        len(entry.history) + 1,
        effective_at,
        before,
        now,
        told.reason,
        told.counter,
        until,
    )
    entry.history.append((effective_at, now))
    entry.changes.append(change)
    rose = terms is not None and terms.rank_of(now) > terms.rank_of(before)
    program_id, member_id = member
    data = TierChanged(
        program_id=program_id,
        member_id=member_id,
        causation_id=told.cause,
        correlation_id=told.cause,
        rule_version=program.version,
        tier_before=before,
        tier_after=now,
        direction="kept" if before == now else "up" if rose else "down",
        reason=told.reason,
        counter=max(0, told.counter),
        effective_at=effective_at,
        valid_until=until,
    )
    desk.emit(outgoing_event(TIERS, member_key(*member), told.change_id, OWN_SOURCE, member_id, effective_at, data))


def _tier(entry: TierEntry, standing: Standing, terms: TierTerms, time: datetime) -> str | None:
    """What the member has by this standing at that time: never below a manual floor."""
    if entry.floor is None or time < entry.floor.since:
        return standing.tier_id
    return terms.higher(standing.tier_id, entry.floor.tier_id)


def _set_due(entry: TierEntry, program: CompiledProgram) -> None:
    due_on = None if program.tiers is None else entry.standing.due_on(program.tiers)
    due_at = None if due_on is None else _first_instant(due_on, program.zone)
    if due_at != entry.due_at:
        entry.due_at, entry.changed = due_at, True


_first_instant = lru_cache(maxsize=1000)(start_of_day)


def _is_due(standing: Standing, terms: TierTerms, day: date) -> bool:
    due_on = standing.due_on(terms)
    return due_on is not None and due_on <= day


def _count(entry: TierEntry, terms: TierTerms, *, without: Sequence[Added] = ()) -> Count:
    what = terms.part.qualify_by

    def count(day: date) -> int:
        first = terms.window_start(day)
        newer = [each for each in without if first <= each.day <= day]
        return entry.sum(what, first, day) - sum(
            each.points if what == "points" else each.money_minor for each in newer
        )

    return count if without else lambda day: entry.sum(what, terms.window_start(day), day)


def due_event_id(member: MemberKey, due_at: datetime) -> UUID:
    """Of the timer's event: it follows from the member and the instant, whoever judges that end first."""
    return derived_id(OWN_SOURCE, member_key(*member), f"tier/due/{due_at.isoformat()}")


def due_event(member: MemberKey, due_at: datetime) -> Outgoing:
    """What the timer tells: the end of a tier's validity, or of its grace, has come."""
    event_id, (program_id, member_id) = due_event_id(member, due_at), member
    own = f"{OWN_SOURCE}#{event_id}"
    data = TierDue(program_id=program_id, member_id=member_id, causation_id=own, correlation_id=own, due_at=due_at)
    return outgoing_event(EFFECTS, member_key(*member), event_id, OWN_SOURCE, member_id, due_at, data)
