"""What redemption tells of holds: what they really bind, let go and cost, lot by lot (C26)."""

from collections.abc import Iterable
from typing import Literal, cast
from uuid import UUID

from services.redemption.desk import Cause, Member, RedemptionDesk
from services.redemption.domain.binding import Bound, Forfeited, Released
from services.redemption.domain.hold import Decision, Hold
from services.redemption.domain.lot import Account
from services.redemption.outcomes import SOURCE, emit
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import CausedEvent
from shared.events.keys import member_key
from shared.events.points_forfeited import LostFromLot, PointsForfeited
from shared.events.points_held import NewlyHeld, PointsHeld
from shared.events.points_released import LetGo, PointsReleased


def tell_held(
    desk: RedemptionDesk, member: Member, bound: Iterable[Bound], because: Cause, placed_now: str | None = None
) -> None:
    """Post and tell what each hold newly binds; of the hold that was just placed also that it binds nothing yet."""
    told = {each.hold.hold_id: each for each in bound}
    if placed_now is not None and placed_now not in told:
        wallet = desk.wallet(member)
        told[placed_now] = Bound(wallet.holds[placed_now], (), wallet.spendable, wallet.spendable)
    for each in told.values():
        _tell_held(desk, member, each, because)


def _tell_held(desk: RedemptionDesk, member: Member, bound: Bound, because: Cause) -> None:
    hold, placed = bound.hold, bound.hold.placed
    assert placed is not None  # noqa: S101 - only a placed hold binds
    data = PointsHeld(
        program_id=member[0],
        member_id=member[1],
        causation_id=because.id,
        correlation_id=placed.correlation_id,
        hold_id=hold.hold_id,
        scope=placed.scope.value,
        grant_ids=tuple(sorted(str(grant_id) for grant_id in placed.grant_ids)),
        points=hold.held,
        deadline=placed.deadline,
        balance_before=bound.spendable_before,
        balance_after=bound.spendable_after,
        allocations=tuple(
            NewlyHeld(
                lot_id=str(moved.lot_id),
                grant_id=str(moved.grant_id),
                points=moved.points,
                from_state=_state(moved.from_account),
            )
            for moved in bound.movements
        ),
    )
    event_id = derived_id(SOURCE, f"{because.key}/{hold.hold_id}", "points.held")
    cause = _cause(data, event_id, because)
    desk.post(member, bound.movements, cause)
    emit(desk, event_id, cause, data)


def tell_released(desk: RedemptionDesk, member: Member, freed: Released, because: Cause, decision: Decision) -> None:
    """Post and tell that the hold ended, with what it let go; that may be nothing."""
    data = PointsReleased(
        program_id=member[0],
        member_id=member[1],
        causation_id=because.id,
        correlation_id=_story(freed.hold),
        hold_id=freed.hold.hold_id,
        points=freed.points,
        balance_before=freed.spendable_before,
        balance_after=freed.spendable_after,
        reason=decision.note,
        allocations=tuple(
            LetGo(
                lot_id=str(lot.lot_id),
                grant_id=str(lot.grant_id),
                points=moved.points,
                to_state=_state(moved.to_account),
                expires_at=lot.expires_at,
            )
            for lot, moved in zip(freed.lots, freed.movements, strict=True)
        ),
    )
    event_id = _once(member, freed.hold, "points.released")
    cause = _cause(data, event_id, because)
    desk.post(member, freed.movements, cause)
    emit(desk, event_id, cause, data)


def tell_forfeited(desk: RedemptionDesk, member: Member, lost: Forfeited, because: Cause, decision: Decision) -> None:
    """Post and tell what a person's confirmation cost; nothing where nothing was held any more."""
    if not lost.shares:
        return
    event_id = _once(member, lost.hold, "points.forfeited")
    data = PointsForfeited(
        program_id=member[0],
        member_id=member[1],
        causation_id=decision.event_id,
        correlation_id=_story(lost.hold),
        forfeit_id=str(event_id),
        points=lost.points,
        allocations=tuple(
            LostFromLot(
                lot_id=str(share.lot_id), grant_id=str(share.grant_id), points=share.points, hold_id=share.hold_id
            )
            for share in lost.shares
        ),
        cause="hold_confirmed",
        balance_before=lost.spendable,
        balance_after=lost.spendable,
        hold_id=lost.hold.hold_id,
    )
    cause = _cause(data, event_id, because)
    desk.post(member, lost.movements, cause)
    emit(desk, event_id, cause, data)


def _once(member: Member, hold: Hold, purpose: str) -> UUID:
    """A hold ends once, whichever of its two events comes last."""
    return derived_id(f"{SOURCE}/{member_key(*member)}", hold.hold_id, purpose)


def _story(hold: Hold) -> str:
    assert hold.placed is not None  # noqa: S101 - what ends was placed
    return hold.placed.correlation_id


def _cause(data: CausedEvent, event_id: UUID, because: Cause) -> Cause:
    return Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), because.time)


def _state(account: Account) -> Literal["pending", "available"]:
    return cast(Literal["pending", "available"], account.value)
