"""Issuing for what is no purchase: a drop, or one side of a referral. One grant per award, on exactly one budget."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.decide.tiers import note_progress
from services.earning.desk import EarningDesk, GrantEntry, GrantLineEntry
from services.earning.domain.award import Award
from services.earning.domain.cost import award_cost
from services.earning.domain.program import CompiledProgram
from shared.events.cloudevent import derived_id
from shared.events.event import Money
from shared.events.keys import member_key
from shared.events.points_granted import GrantLine, GrantSource, PointsGranted, RulePoints
from shared.runtime.batch import outgoing_event


@dataclass(frozen=True, slots=True)
class Deed:
    """What is rewarded: the event of ours or theirs that names it, and when it happened.

    The same for every order of arrival, so that the grant is too. `skus` names what a line is of.
    """

    program: CompiledProgram
    member_id: str
    event_key: UUID
    event_source: str
    source: GrantSource
    time: datetime
    correlation_id: str
    skus: Mapping[str, str] = field(default_factory=dict)


def issue_reward(deed: Deed, award: Award, desk: EarningDesk) -> GrantEntry | None:
    """Grant one award; None when its budget cannot pay it whole (C04): then nothing of it is given."""
    program = deed.program
    budget = program.budgets[award.budget_id]
    cost = award_cost(award.points, budget.cost_minor, budget.cost_points)
    if not budget.covers(deed.time) or not desk.draw((program.program_id, award.budget_id), cost):
        return None
    grant = GrantEntry(
        grant_id=derived_id(deed.event_source, deed.source.id, f"grant/{award.points_class}/{award.budget_id}"),
        event_key=deed.event_key,
        points_class=award.points_class,
        budget_id=award.budget_id,
        points=award.points,
        clawed_back=0,
        cost_minor=cost,
        cost_returned_minor=0,
        lines=[
            GrantLineEntry(line.line_id, deed.skus.get(line.line_id), (), line.points, 0, line.rules)
            for line in award.lines
        ],
        rule_version=program.version,
        event_time=deed.time,
        available_at=deed.time + program.return_window,
        expires_at=program.dates.expires_at(deed.time),
        correlation_id=deed.correlation_id,
        new=True,
    )
    note_progress(desk, program, deed.member_id, deed.time, points=award.points)
    _tell(deed, grant, desk)
    return grant


def _tell(deed: Deed, grant: GrantEntry, desk: EarningDesk) -> None:
    told = PointsGranted(
        program_id=deed.program.program_id,
        member_id=deed.member_id,
        causation_id=f"{deed.event_source}#{deed.source.id}",
        correlation_id=grant.correlation_id,
        rule_version=grant.rule_version,
        grant_id=str(grant.grant_id),
        points=grant.points,
        points_class=grant.points_class,
        source=deed.source,
        lines=tuple(
            GrantLine(
                line_id=line.line_id,
                sku=line.sku,
                points=line.points,
                rules=tuple(RulePoints(rule_id=rule_id, points=points) for rule_id, points in line.rules),
            )
            for line in grant.lines
        ),
        available_at=grant.available_at,
        expires_at=grant.expires_at,
        budget_id=grant.budget_id,
        expected_cost=Money(amount_minor=grant.cost_minor, currency=deed.program.currency),
    )
    key = member_key(deed.program.program_id, deed.member_id)
    desk.emit(outgoing_event(GRANTS, key, grant.grant_id, SOURCE, deed.member_id, deed.time, told))
