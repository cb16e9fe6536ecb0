"""What findings become: a case, its signal and its holds, each under an id that follows from what was found.

Whoever finds the same again, after a crash or on another worker, names the same rows and the same events.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.fraud_monitoring.domain.finding import Finding, Suspect
from services.fraud_monitoring.domain.seen import instant
from shared.events.cloudevent import derived_id
from shared.events.event import CausedEvent
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.keys import member_key
from shared.events.signal_raised import SignalRaised
from shared.runtime.batch import Outgoing, outgoing_event

SOURCE = "/fraud_monitoring"
_MOST_EVENT_KEYS = 200  # of the contract's list

CaseRow = tuple[object, ...]
SignalRow = tuple[object, ...]
HoldRow = tuple[object, ...]


class Outcome(NamedTuple):
    """Rows in the order of the columns of store/save.py, and the events that go out with those that are new."""

    case: CaseRow
    signal: SignalRow
    holds: tuple[HoldRow, ...]
    events: tuple[Outgoing, ...]
    rule: str
    value: int
    arrived: datetime


class HoldFacts(NamedTuple):
    """What a stored hold says to the events about it."""

    hold_id: UUID
    case_id: UUID
    program_id: str
    member_id: str
    correlation_id: str
    placed_event_id: UUID


def outcome_of(finding: Finding, review: timedelta) -> Outcome:
    """`review` is how long a person may take from the arrival of what was found."""
    name = f"{finding.rule} {finding.program_id} {finding.identity} {finding.period}"
    case_id, signal_id = derived_id(SOURCE, name, "case"), derived_id(SOURCE, name, "signal")
    trigger, stretch = finding.trigger, finding.stretch
    opened_at = instant(finding.arrival)
    deadline = opened_at + review
    start, end = instant(stretch.start_at), instant(stretch.end_at)
    keys = tuple(dict.fromkeys(seen.event_key for seen in finding.evidence))[-_MOST_EVENT_KEYS:]
    case = (
        case_id, finding.rule, finding.program_id, finding.subject_key, trigger.member, start, end, finding.value,
        finding.threshold, trigger.correlation, opened_at, deadline,
    )  # fmt: skip
    signal = (
        signal_id, case_id, finding.rule, finding.program_id, trigger.member, finding.subject_key, start, end,
        finding.value, finding.threshold, orjson.dumps(keys).decode(), trigger.cause, trigger.correlation,
        instant(trigger.at),
    )  # fmt: skip
    raised = SignalRaised(
        program_id=finding.program_id,
        member_id=trigger.member,
        causation_id=trigger.cause,
        correlation_id=trigger.correlation,
        signal_id=str(signal_id),
        rule=finding.rule,
        subject_key=finding.subject_key,
        window_start=start,
        window_end=end,
        value=finding.value,
        threshold=finding.threshold,
        event_keys=keys,
    )
    holds, events = [], [_outgoing(raised, signal_id, trigger.at)]
    for suspect in finding.suspects:
        placed = _placed(finding, suspect, derived_id(SOURCE, name, _purpose(suspect)), case_id, deadline=deadline)
        event_id = derived_id(SOURCE, placed.hold_id, "placed")
        holds.append(_hold_row(placed, signal_id, event_id, suspect))
        events.append(_outgoing(placed, event_id, suspect.cause.at))
    return Outcome(case, signal, tuple(holds), tuple(events), finding.rule, finding.value, opened_at)


def distinct(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """One outcome per case: the one of the highest value, with the holds and events of all."""
    by_case: dict[object, Outcome] = {}
    for outcome in outcomes:
        known = by_case.get(outcome.case[0])
        if known is None:
            by_case[outcome.case[0]] = outcome
            continue
        holds = {row[0]: row for row in (*known.holds, *outcome.holds)}
        events = {event.event_id: event for event in (*outcome.events, *known.events)}
        highest = outcome if outcome.value > known.value else known
        by_case[outcome.case[0]] = highest._replace(
            signal=known.signal, holds=tuple(holds.values()), events=tuple(events.values())
        )
    return list(by_case.values())


def released(hold: HoldFacts, person: str, note: str, decided_at: int) -> Outgoing:
    """A person cleared it. `decided_at` is the decision's stored time in microseconds."""
    data = HoldReleased(**_about(hold), hold_id=str(hold.hold_id), case_id=str(hold.case_id), person=person, note=note)
    return _outgoing(data, derived_id(SOURCE, str(hold.hold_id), "released"), decided_at)


def confirmed(hold: HoldFacts, points: int, person: str, note: str, decided_at: int) -> Outgoing:
    """A person confirmed it: so many points are lost."""
    data = HoldConfirmed(
        **_about(hold), hold_id=str(hold.hold_id), case_id=str(hold.case_id), points=points, person=person, note=note
    )
    return _outgoing(data, derived_id(SOURCE, str(hold.hold_id), "confirmed"), decided_at)


def _purpose(suspect: Suspect) -> str:
    return f"hold/{suspect.member}" + ("" if suspect.grant_id is None else f"/{suspect.grant_id}")


def _about(hold: HoldFacts) -> dict[str, Any]:
    return {
        "program_id": hold.program_id,
        "member_id": hold.member_id,
        "causation_id": f"{SOURCE}#{hold.placed_event_id}",
        "correlation_id": hold.correlation_id,
    }


def _placed(finding: Finding, suspect: Suspect, hold_id: UUID, case_id: UUID, *, deadline: datetime) -> HoldPlaced:
    return HoldPlaced(
        program_id=finding.program_id,
        member_id=suspect.member,
        causation_id=suspect.cause.cause,
        correlation_id=suspect.cause.correlation,
        hold_id=str(hold_id),
        scope="member" if suspect.grant_id is None else "grants",
        grant_ids=() if suspect.grant_id is None else (suspect.grant_id,),
        reason=finding.rule,
        deadline=deadline,
        case_id=str(case_id),
    )


def _hold_row(placed: HoldPlaced, signal_id: UUID, event_id: UUID, suspect: Suspect) -> HoldRow:
    return (
        UUID(placed.hold_id), UUID(placed.case_id), signal_id, placed.program_id, placed.member_id, placed.scope,
        suspect.grant_id, placed.reason, placed.deadline, placed.causation_id, placed.correlation_id,
        instant(suspect.cause.at), event_id,
    )  # fmt: skip


def _outgoing(data: CausedEvent, event_id: UUID, at: int) -> Outgoing:
    key = member_key(data.program_id, data.member_id)
    return outgoing_event(data.TOPIC, key, event_id, SOURCE, data.member_id, instant(at), data)
