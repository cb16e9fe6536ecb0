"""What redemption tells of the till: points reserved, captured and let go, lot by lot."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.redemption.desk import Cause, RedemptionDesk
from services.redemption.domain.authorization import Authorization, State
from services.redemption.domain.lot import LotPoints
from services.redemption.domain.reservation import Moved
from services.redemption.outcomes import SOURCE, emit
from shared.events.authorization_captured import AuthorizationCaptured
from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.authorization_voided import AuthorizationVoided
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import CausedEvent
from shared.events.points_redeemed import Allocation, PointsRedeemed

PAID = "paid at the till"


def tell_placed(desk: RedemptionDesk, placed: Authorization, moved: Moved) -> None:
    """Post and tell a reservation."""
    data = placed_event(placed, moved)
    event_id = derived_id(SOURCE, str(placed.authorization_id), "authorization.placed")
    cause = _cause(data, event_id, placed.placed_at)
    desk.post(placed.member, moved.movements, cause)
    emit(desk, event_id, cause, data)


def placed_event(placed: Authorization, moved: Moved) -> AuthorizationPlaced:
    """What is told of a reservation."""
    return AuthorizationPlaced(
        program_id=placed.program_id,
        member_id=placed.member_id,
        causation_id=placed.idempotency_key,
        correlation_id=str(placed.authorization_id),
        authorization_id=str(placed.authorization_id),
        merchant_id=placed.merchant_id,
        receipt_id=placed.receipt_id,
        points=placed.points,
        amount_minor=placed.amount_minor,
        currency=placed.currency,
        allocations=_allocations(moved.allocations),
        limited_by=placed.limited_by,
        releases_at=placed.releases_at,
        balance_before=moved.spendable_before,
        balance_after=moved.spendable_after,
        price_version=placed.price_version,
        rate_points=placed.rate_points,
        rate_minor=placed.rate_minor,
        step_points=placed.step_points,
        offset_day_id=placed.offset_day_id,
        idempotency_key=placed.idempotency_key,
        body_hash=placed.body_hash.hex(),
    )


def tell_paid(desk: RedemptionDesk, captured: Authorization, paid: Moved) -> None:
    """Post and tell the redemption that a capture is."""
    data = PointsRedeemed(
        program_id=captured.program_id,
        member_id=captured.member_id,
        causation_id=str(captured.authorization_id),
        correlation_id=str(captured.authorization_id),
        redemption_id=str(captured.redemption_id),
        points=paid.points,
        allocations=_allocations(paid.allocations),
        balance_before=paid.spendable_before,
        balance_after=paid.spendable_after,
        reason=PAID,
    )
    event_id = derived_id(SOURCE, str(captured.redemption_id), "points.redeemed")
    cause = _cause(data, event_id, captured.ended_at)
    desk.post(captured.member, paid.movements, cause)
    emit(desk, event_id, cause, data)


def tell_captured(desk: RedemptionDesk, captured: Authorization, rest: Moved) -> Cause:
    """Post what a capture let go, and tell it; returns the event as cause of what follows."""
    data = AuthorizationCaptured(
        program_id=captured.program_id,
        member_id=captured.member_id,
        causation_id=str(captured.authorization_id),
        correlation_id=str(captured.authorization_id),
        authorization_id=str(captured.authorization_id),
        redemption_id=str(captured.redemption_id),
        merchant_id=captured.merchant_id,
        receipt_id=captured.receipt_id,
        points=captured.captured_points,
        amount_minor=captured.captured_minor,
        currency=captured.currency,
        points_released=rest.points,
        released=_allocations(rest.allocations),
        balance_before=rest.spendable_before,
        balance_after=rest.spendable_after,
    )
    return _tell_end(desk, captured, rest, data, "authorization.captured")


def tell_let_go(desk: RedemptionDesk, ended: Authorization, freed: Moved) -> Cause:
    """Post and tell that an authorization was voided or released itself; returns the event as cause of what follows."""
    cause: Literal["voided", "timed_out"] = "timed_out" if ended.state is State.TIMED_OUT else "voided"
    data = AuthorizationVoided(
        program_id=ended.program_id,
        member_id=ended.member_id,
        causation_id=str(ended.authorization_id),
        correlation_id=str(ended.authorization_id),
        authorization_id=str(ended.authorization_id),
        points_released=freed.points,
        cause=cause,
        merchant_id=ended.merchant_id,
        released=_allocations(freed.allocations),
        balance_before=freed.spendable_before,
        balance_after=freed.spendable_after,
    )
    return _tell_end(desk, ended, freed, data, "authorization.voided")


def _tell_end(desk: RedemptionDesk, ended: Authorization, freed: Moved, data: CausedEvent, purpose: str) -> Cause:
    event_id = derived_id(SOURCE, str(ended.authorization_id), purpose)
    cause = _cause(data, event_id, ended.ended_at)
    desk.post(ended.member, freed.movements, cause)
    emit(desk, event_id, cause, data)
    return cause


def _cause(data: CausedEvent, event_id: UUID, at: datetime | None) -> Cause:
    assert at is not None  # noqa: S101 - only what has ended is told as ended
    return Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), at)


def _allocations(shares: Iterable[LotPoints]) -> tuple[Allocation, ...]:
    return tuple(
        Allocation(lot_id=str(share.lot_id), grant_id=str(share.grant_id), points=share.points) for share in shares
    )
