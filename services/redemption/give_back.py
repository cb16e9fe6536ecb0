"""Spent points go back to a member: an order's return, a refund of a bill that points paid."""

from datetime import datetime
from uuid import UUID

from services.redemption.desk import Cause, Member, RedemptionDesk, Restoration
from services.redemption.domain.binding import bind
from services.redemption.domain.restore import Restored, Spent, restore
from services.redemption.domain.wallet import SetOff, set_off
from services.redemption.give_up import give_up_if_closed
from services.redemption.outcomes import SOURCE, emit, tell_set_off
from services.redemption.post_clock import post_clock
from services.redemption.told.holds import tell_held
from shared.events.cloudevent import derived_id, event_key
from shared.events.points_restored import PointsRestored, RestoredLot


def give_back(
    desk: RedemptionDesk,
    member: Member,
    spent: Spent,
    points: int,
    *,
    restoration_id: UUID,
    because: str,
    story: str,
    at: datetime,
    reason: str,
) -> Restored:
    """Give `points` of a redemption back to their lots, post and tell it; the caller saves the desk.

    `because` is the id of the event or request that asked for it, `story` its correlation id, `at` the stored time of
    it. `restoration_id` derives from that cause: the same cause restores once. What open holds wait for they bind
    first, then a deficit is repaid. Raises RestoreRefusedError for more than is still out.
    """
    post_clock(desk, [member])
    wallet, restored = restore(desk.wallet(member), spent.shares, points, at, restoration_id)
    wallet, bound = bind(wallet) if wallet.holds else (wallet, ())
    wallet, repaid = set_off(wallet)
    desk.keep(member, wallet)
    desk.restorations.append(Restoration(restoration_id, spent.redemption_id, member, reason, because, at, restored))
    event_id = derived_id(SOURCE, str(restoration_id), "points.restored")
    data = _told(member, spent, restored, repaid, because, story, reason)
    cause = Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), at)
    desk.post(member, restored.movements, cause)
    emit(desk, event_id, cause, data)
    tell_held(desk, member, bound, cause)
    tell_set_off(desk, member, repaid, cause)
    give_up_if_closed(desk, member, cause)
    return restored


def _told(
    member: Member, spent: Spent, restored: Restored, repaid: SetOff | None, because: str, story: str, reason: str
) -> PointsRestored:
    """The balance after is that before holds and a repaid deficit, which tell their own."""
    return PointsRestored(
        program_id=member[0],
        member_id=member[1],
        causation_id=because,
        correlation_id=story,
        restoration_id=str(restored.restoration_id),
        redemption_id=str(spent.redemption_id),
        points=restored.points,
        allocations=tuple(
            RestoredLot(
                lot_id=str(share.to_lot.lot_id),
                grant_id=str(share.to_lot.grant_id),
                points=share.points,
                expires_at=share.to_lot.expires_at,
                child_of=None if share.to_lot.lot_id == share.paid_by else str(share.paid_by),
            )
            for share in restored.shares
        ),
        balance_before=restored.spendable_before,
        balance_after=restored.spendable_after,
        deficit_set_off=repaid.points if repaid else 0,
        reason=reason,
    )
