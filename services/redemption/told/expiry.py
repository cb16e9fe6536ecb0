"""What redemption tells of expiry: notices to be given, and points that are gone (C20)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.redemption.desk import AskedNotice, Cause, Member, RedemptionDesk
from services.redemption.domain.expiry import Days, Expired, notice_due
from services.redemption.domain.lot import Lot
from services.redemption.outcomes import SOURCE, emit
from shared.events.cloudevent import derived_id, event_key
from shared.events.keys import member_key
from shared.events.points_expired import PointsExpired
from shared.events.points_expiring_soon import PointsExpiringSoon

LOTS_PER_NOTICE = 200  # as many as the contract's list of ids holds


def tell_expired(desk: RedemptionDesk, member: Member, gone: Expired) -> None:
    """Post and tell what was left of a lot; one that got points back after its date may expire again."""
    lot = gone.lot
    event_id = derived_id(SOURCE, f"{lot.lot_id}/{gone.expired_at.isoformat()}/{gone.gone_before}", "points.expired")
    data = PointsExpired(
        program_id=member[0],
        member_id=member[1],
        causation_id=lot.origin.granted_event_id,
        correlation_id=lot.origin.correlation_id,
        rule_version=lot.origin.rule_version,
        lot_id=str(lot.lot_id),
        grant_id=str(lot.grant_id),
        points=gone.points,
        expired_at=gone.expired_at,
        balance_before=gone.balance_before,
        balance_after=gone.balance_after,
    )
    cause = Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), gone.expired_at)
    desk.post(member, gone.movements, cause)
    emit(desk, event_id, cause, data)


def tell_expiring(desk: RedemptionDesk, member: Member, days: Days, lots: Sequence[Lot]) -> None:
    """Ask that the member be told of lots that expire at one instant; each lot is told of once per notice and date."""
    ordered = sorted(lots, key=lambda lot: lot.lot_id)
    for start in range(0, len(ordered), LOTS_PER_NOTICE):
        _tell_expiring(desk, member, days, ordered[start : start + LOTS_PER_NOTICE])


def _tell_expiring(desk: RedemptionDesk, member: Member, days: Days, lots: Sequence[Lot]) -> None:
    """The time is the instant it was due, or that of the lot's issue where that came later."""
    first, expires_at = lots[0], _date_of(lots[0])
    named = ",".join(str(lot.lot_id) for lot in lots)
    event_id = derived_id(
        f"{SOURCE}/{member_key(*member)}", f"{expires_at.isoformat()}/{days}/{named}", "points.expiring_soon"
    )
    data = PointsExpiringSoon(
        program_id=member[0],
        member_id=member[1],
        causation_id=first.origin.granted_event_id,
        correlation_id=first.origin.correlation_id,
        rule_version=first.origin.rule_version,
        lot_ids=tuple(str(lot.lot_id) for lot in lots),
        days=days,
        points=sum(lot.remaining for lot in lots),
        expires_at=expires_at,
    )
    due = max(notice_due(expires_at, days), *(lot.granted_at for lot in lots))
    emit(desk, event_id, Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), due), data)
    desk.notices.append(AskedNotice(event_id, member, days, expires_at, data.points, tuple(lot.lot_id for lot in lots)))


def _date_of(lot: Lot) -> datetime:
    assert lot.expires_at is not None  # noqa: S101 - next_step tells only of lots with a date
    return lot.expires_at


def notice_of(event_id: str) -> UUID | None:
    """The notice that a message's cause names; None where it is none of ours."""
    try:
        return UUID(event_id)
    except ValueError:
        return None
