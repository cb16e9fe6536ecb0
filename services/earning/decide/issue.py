"""Issuing: one grant per class and budget, drawn on exactly one budget, told by one `points.granted`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.decide.tiers import note_progress
from services.earning.decide.told_grant import told_grant
from services.earning.desk import EarningDesk, GrantEntry, GrantLineEntry, ReceiptEntry, reference
from services.earning.domain.award import Award
from services.earning.domain.cost import award_cost
from services.earning.domain.program import CompiledProgram
from shared.events.cloudevent import CloudEvent, derived_id
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine
from shared.runtime.batch import Delivered, outgoing_known


class Issue(NamedTuple):
    """What one purchase issues under one program version. `key`: that of its record; `bought`: its lines by id."""

    event: CloudEvent
    key: str
    purchase: PurchaseCompleted
    member_id: str
    receipt: ReceiptEntry
    program: CompiledProgram
    bought: Mapping[str, PurchaseLine]


def issue_of(
    delivered: Delivered, purchase: PurchaseCompleted, member_id: str, receipt: ReceiptEntry, program: CompiledProgram
) -> Issue:
    bought = {line.line_id: line for line in purchase.lines}
    key = (delivered.key or b"").decode()
    return Issue(delivered.required_event, key, purchase, member_id, receipt, program, bought)


def available_from(purchase: PurchaseCompleted, time: datetime, window: timedelta) -> datetime | None:
    """When the return window ends; None = an online order not delivered yet waits for `purchase.delivered`."""
    delivered_at = purchase.delivered_at or (None if purchase.channel == "online" else time)
    return None if delivered_at is None else delivered_at + window


def issue_award(issue: Issue, desk: EarningDesk, award: Award) -> bool:
    """Grant one award; False when its budget cannot pay it whole (C04): then nothing of it is given."""
    event = issue.event
    budget = issue.program.budgets[award.budget_id]
    cost = award_cost(award.points, budget.cost_minor, budget.cost_points)
    if not budget.covers(event.time) or not desk.draw((issue.program.program_id, award.budget_id), cost):
        return False
    grant = _entry(issue, award, cost)
    issue.receipt.grants.append(grant)
    note_progress(desk, issue.program, issue.member_id, event.time, points=award.points)
    _tell(issue, desk, grant)
    return True


def _entry(issue: Issue, award: Award, cost: int) -> GrantEntry:
    event, program = issue.event, issue.program
    lines = []
    for given in award.lines:
        bought = issue.bought.get(given.line_id)  # the shipping is no line of the receipt
        sku, labels = (None, ()) if bought is None else (bought.sku, bought.labels or ())
        lines.append(GrantLineEntry(given.line_id, sku, labels, given.points, 0, given.rules))
    return GrantEntry(
        grant_id=derived_id(event.source, event.id, f"grant/{award.points_class}/{award.budget_id}"),
        event_key=event.event_key,
        points_class=award.points_class,
        budget_id=award.budget_id,
        points=award.points,
        clawed_back=0,
        cost_minor=cost,
        cost_returned_minor=0,
        lines=lines,
        rule_version=program.version,
        event_time=event.time,
        available_at=available_from(issue.purchase, event.time, program.return_window),
        expires_at=program.dates.expires_at(event.time),
        correlation_id=reference(event),
        new=True,
    )


def _tell(issue: Issue, desk: EarningDesk, grant: GrantEntry) -> None:
    event, member_id, type_ = issue.event, issue.member_id, PointsGranted.TYPE
    told = told_grant(grant, issue.purchase, member_id, event)
    desk.emit(outgoing_known(GRANTS, issue.key, grant.grant_id, SOURCE, member_id, event.time, type_, told))
