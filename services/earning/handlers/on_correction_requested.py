"""`correction.requested`: two persons agreed on a credit, granted once out of their budget line; or on a debit."""

from typing import cast
from uuid import UUID

from services.earning.decide.debit import book_debit
from services.earning.decide.decline import GRANTS, SOURCE, decide, tell_declined
from services.earning.decide.occasion import program_at
from services.earning.decide.route import forward_if_misplaced, require_own, require_program, wait_for_turn
from services.earning.desk import EarningDesk, GrantEntry, GrantLineEntry, reference
from services.earning.domain.cost import award_cost
from services.earning.domain.eligibility import refusal_of_deed
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import OccasionEntry, key_of_correction
from shared.events.cloudevent import derived_id
from shared.events.correction_requested import CorrectionRequested
from shared.events.event import Money
from shared.events.fields import PointsClass
from shared.events.keys import member_key
from shared.events.points_corrected import PointsCorrected
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate, outgoing_event

CLASS: PointsClass = "PROMO"


def on_correction_requested(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Grant, or decline with a code. Corrected points are not earned: no tier, no cap counts them."""
    asked = cast(CorrectionRequested, delivered.required_event.data)
    require_own(delivered)
    require_program(desk, asked.program_id)
    member = (asked.program_id, asked.member_id)
    if (fate := forward_if_misplaced(delivered, desk, member_key(*member))) is not None:
        return fate
    if (fate := wait_for_turn(delivered, desk, *member)) is not None:
        return fate
    program = program_at(delivered.required_event, asked.program_id, desk)
    code: ReasonCode | None = ReasonCode.PROGRAM_NOT_IN_FORCE
    if program is not None:
        book = _credit if asked.points > 0 else book_debit
        code = book(delivered, asked, program, desk)
    if code is None:
        decide(delivered, desk, "granted" if asked.points > 0 else "debited")
    else:
        version, would = None if program is None else program.version, max(0, asked.points)
        tell_declined(delivered, desk, code, would_have_earned=would, rule_version=version)
        decide(delivered, desk, "declined", code=code, would_have_earned=would)
    return Fate.APPLIED


def _credit(
    delivered: Delivered, asked: CorrectionRequested, program: CompiledProgram, desk: EarningDesk
) -> ReasonCode | None:
    code = _refusal(delivered, asked, program, desk)
    return _grant(delivered, asked, program, desk) if code is None else code


def _refusal(
    delivered: Delivered, asked: CorrectionRequested, program: CompiledProgram, desk: EarningDesk
) -> ReasonCode | None:
    member = desk.members.get((asked.program_id, asked.member_id))
    if key_of_correction(asked.program_id, asked.correction_id) in desk.occasions.entries:
        return ReasonCode.DUPLICATE_EARN
    return refusal_of_deed(
        event_time=delivered.required_event.time,
        arrival=delivered.arrival,
        registered=member is not None and member.is_open_at(delivered.required_event.time),
        listed=member is not None and member.listed_party,
        pack=program.pack,
    )


def _grant(
    delivered: Delivered, asked: CorrectionRequested, program: CompiledProgram, desk: EarningDesk
) -> ReasonCode | None:
    """None when it was granted; BUDGET_EXHAUSTED where its line cannot pay it whole (C04)."""
    event, budget = delivered.required_event, program.budgets.get(asked.budget_id)
    if budget is None or not budget.covers(event.time):
        return ReasonCode.BUDGET_EXHAUSTED
    cost = award_cost(asked.points, budget.cost_minor, budget.cost_points)
    if not desk.draw((asked.program_id, asked.budget_id), cost):
        return ReasonCode.BUDGET_EXHAUSTED
    grant_id = derived_id(event.source, event.id, f"grant/{CLASS}/{asked.budget_id}")
    entry = OccasionEntry(
        occasion_key=key_of_correction(asked.program_id, asked.correction_id),
        program_id=asked.program_id,
        member_id=asked.member_id,
        kind="correction",
        event_key=event.event_key,
        event_time=event.time,
        outcome="granted",
        rule_version=program.version,
    )
    grant = _entry(delivered, asked, program, grant_id, cost)
    entry.grants.append(grant)
    desk.occasions.put(entry)
    _tell(delivered, asked, program, grant, desk)
    return None


def _entry(
    delivered: Delivered, asked: CorrectionRequested, program: CompiledProgram, grant_id: UUID, cost: int
) -> GrantEntry:
    """Available at once: what is corrected waits for no return."""
    event = delivered.required_event
    return GrantEntry(
        grant_id=grant_id,
        event_key=event.event_key,
        points_class=CLASS,
        budget_id=asked.budget_id,
        points=asked.points,
        clawed_back=0,
        cost_minor=cost,
        cost_returned_minor=0,
        lines=[GrantLineEntry("correction", None, (), asked.points, 0, ())],
        rule_version=program.version,
        event_time=event.time,
        available_at=event.time,
        expires_at=program.dates.expires_at(event.time),
        correlation_id=asked.correlation_id,
        new=True,
    )


def _tell(
    delivered: Delivered, asked: CorrectionRequested, program: CompiledProgram, grant: GrantEntry, desk: EarningDesk
) -> None:
    event = delivered.required_event
    told = PointsCorrected(
        program_id=asked.program_id,
        member_id=asked.member_id,
        causation_id=reference(event),
        correlation_id=asked.correlation_id,
        rule_version=program.version,
        correction_id=asked.correction_id,
        points=asked.points,
        grant_id=str(grant.grant_id),
        points_class=CLASS,
        expires_at=grant.expires_at,
        budget_id=asked.budget_id,
        expected_cost=Money(amount_minor=grant.cost_minor, currency=program.currency),
        reason=asked.reason,
        evidence=asked.evidence,
        requested_by=asked.requested_by,
        approved_by=asked.approved_by,
    )
    key = member_key(asked.program_id, asked.member_id)
    desk.emit(outgoing_event(GRANTS, key, grant.grant_id, SOURCE, asked.member_id, event.time, told))
