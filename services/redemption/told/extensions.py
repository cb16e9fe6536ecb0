"""What redemption tells of dates that moved on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.redemption.desk import Cause, Member, RedemptionDesk
from services.redemption.domain.extension import Extended
from services.redemption.outcomes import SOURCE, emit
from shared.events.cloudevent import derived_id, event_key
from shared.events.points_extended import ExtendedLot, PointsExtended

LOTS_PER_EVENT = 1000


class Why(NamedTuple):
    """What moved the dates: an activity, or an operator with the request's key and body hash."""

    reason: Literal["activity", "operator"]
    extension_id: UUID
    causation_id: str
    at: datetime
    person: str | None = None
    note: str | None = None
    idempotency_key: str | None = None
    body_hash: str | None = None


def tell_extended(desk: RedemptionDesk, member: Member, lots: Sequence[Extended], why: Why) -> None:
    """Tell each lot's date before and after; no point moves, so nothing is posted."""
    for start in range(0, len(lots), LOTS_PER_EVENT):
        _tell(desk, member, lots[start : start + LOTS_PER_EVENT], why)


def _tell(desk: RedemptionDesk, member: Member, lots: Sequence[Extended], why: Why) -> None:
    first = lots[0].lot
    data = PointsExtended(
        program_id=member[0],
        member_id=member[1],
        causation_id=why.causation_id,
        correlation_id=first.origin.correlation_id,
        rule_version=first.origin.rule_version,
        extension_id=str(why.extension_id),
        reason=why.reason,
        lots=tuple(
            ExtendedLot(
                lot_id=str(each.lot.lot_id),
                grant_id=str(each.lot.grant_id),
                points=each.lot.remaining + each.lot.held + each.lot.reserved,
                expires_before=each.expires_before,
                expires_at=each.lot.expires_at,
            )
            for each in lots
        ),
        person=why.person,
        note=why.note,
        idempotency_key=why.idempotency_key,
        body_hash=why.body_hash,
    )
    event_id = derived_id(SOURCE, f"{why.extension_id}/{first.lot_id}", "points.extended")
    emit(desk, event_id, Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), why.at), data)
