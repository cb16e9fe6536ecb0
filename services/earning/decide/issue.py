"""Issuing: one grant per class and budget, drawn on exactly one budget, told by one `points.granted`."""

from datetime import datetime, timedelta
from typing import NamedTuple

from services.earning.decide.decline import GRANTS, SOURCE
from services.earning.decide.tiers import note_progress
from services.earning.desk import EarningDesk, GrantEntry, GrantLineEntry, ReceiptEntry, reference
from services.earning.domain.cost import award_cost
from services.earning.domain.earn import Award
from services.earning.domain.program import CompiledProgram
from shared.events.cloudevent import derived_id
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.expiry import expires_at
from shared.runtime.batch import Delivered, outgoing_known


class Issue(NamedTuple):
    """What one purchase issues under one program version."""

    delivered: Delivered
    purchase: PurchaseCompleted
    member_id: str
    receipt: ReceiptEntry
    program: CompiledProgram


def available_from(purchase: PurchaseCompleted, time: datetime, window_days: int) -> datetime | None:
    """When the return window ends; None = an online order not delivered yet waits for `purchase.delivered`."""
    delivered_at = purchase.delivered_at or (None if purchase.channel == "online" else time)
    return None if delivered_at is None else delivered_at + timedelta(days=window_days)


def issue_award(issue: Issue, desk: EarningDesk, award: Award) -> bool:
    """Grant one award; False when its budget cannot pay it whole (C04): then nothing of it is given."""
    event = issue.delivered.required_event
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
    event, pack, program = issue.delivered.required_event, issue.program.pack, issue.program
    by_line = {line.line_id: line for line in issue.purchase.lines}
    lines = []
    for given in award.lines:
        bought = by_line.get(given.line_id)  # the shipping is no line of the receipt
        sku, labels = (None, ()) if bought is None else (bought.sku, bought.labels)
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
        available_at=available_from(issue.purchase, event.time, pack.return_window_days),
        expires_at=expires_at(pack.expiry, event.time, program.zone),
        correlation_id=reference(event),
        new=True,
    )


def _tell(issue: Issue, desk: EarningDesk, grant: GrantEntry) -> None:
    event = issue.delivered.required_event
    known: dict[str, object] = {
        "program_id": issue.program.program_id,
        "member_id": issue.member_id,
        "causation_id": grant.correlation_id,
        "correlation_id": grant.correlation_id,
        "rule_version": grant.rule_version,
        "grant_id": str(grant.grant_id),
        "points": grant.points,
        "class": grant.points_class,
        "source": {
            "type": event.type,
            "id": event.id,
            "receipt_id": issue.purchase.receipt_id,
            "merchant_id": issue.purchase.merchant_id,
        },
        "lines": [_told_line(line) for line in grant.lines],
        "available_at": grant.available_at,
        "expires_at": grant.expires_at,
        "budget_id": grant.budget_id,
        "expected_cost": {"amount_minor": grant.cost_minor, "currency": issue.program.currency},
    }
    if grant.available_at is None:
        del known["available_at"]
    if grant.expires_at is None:
        del known["expires_at"]
    key = (issue.delivered.key or b"").decode()
    desk.emit(
        outgoing_known(GRANTS, key, grant.grant_id, SOURCE, issue.member_id, event.time, PointsGranted.TYPE, known)
    )


def _told_line(line: GrantLineEntry) -> dict[str, object]:
    told: dict[str, object] = {"line_id": line.line_id}
    if line.sku is not None:
        told["sku"] = line.sku
    if line.labels:
        told["labels"] = line.labels
    told["points"] = line.points
    told["rules"] = [{"rule_id": rule_id, "points": points} for rule_id, points in line.rules]
    return told
