"""Lines of receipts that a reward may ask for (M43): which were bought, and what of them was refunded."""

from uuid import UUID

from services.redemption.desk import LabelledLine, RedemptionDesk, ReturnedLine
from shared.events.cloudevent import CloudEvent
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_granted import PointsGranted


def note_purchase(desk: RedemptionDesk, event: CloudEvent, granted: PointsGranted, grant_id: UUID) -> None:
    """Keep the lines with a label that some version of the program asks for."""
    labels = desk.asked_labels.get(granted.program_id)
    if labels is None:
        return
    for line in granted.lines:
        if line.labels and not labels.isdisjoint(line.labels):
            desk.bought.append(
                LabelledLine(
                    member=(granted.program_id, granted.member_id),
                    merchant_id=granted.source.merchant_id or "",
                    receipt_id=granted.source.receipt_id or granted.source.id,
                    line_id=line.line_id,
                    grant_id=grant_id,
                    labels=tuple(line.labels),
                    points=line.points,
                    bought_at=event.time,
                )
            )


def note_refund(desk: RedemptionDesk, asked: PointsClawedBack, grant_id: UUID) -> None:
    """A line that loses all its points serves nothing more."""
    if asked.program_id in desk.asked_labels:
        desk.returned += [ReturnedLine(grant_id, line.line_id, line.points) for line in asked.lines]
