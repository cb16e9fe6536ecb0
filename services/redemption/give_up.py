"""A closed account keeps no points: what it had is forfeited, and what still comes is, at once (C22)."""

from services.redemption.desk import Cause, Member, RedemptionDesk
from services.redemption.domain.closing import GivenUp, give_up
from services.redemption.outcomes import SOURCE, emit
from shared.events.cloudevent import derived_id, event_key
from shared.events.points_forfeited import LostFromLot, PointsForfeited

LOTS_PER_EVENT = 1000  # so that a message stays far below what Kafka takes


def give_up_points(desk: RedemptionDesk, member: Member, because: Cause) -> int:
    """Forfeit every free point of a caught-up wallet, post and tell it; how many there were."""
    wallet, lost = give_up(desk.wallet(member))
    desk.keep(member, wallet)
    balance = lost.balance_before
    for start in range(0, len(lost.shares), LOTS_PER_EVENT):
        balance = _tell(desk, member, lost, start, balance, because)
    return lost.points


def give_up_if_closed(desk: RedemptionDesk, member: Member, because: Cause) -> None:
    """Call it wherever points of a wallet become free: a grant, a hold's end, a restoration, a reservation's end."""
    if desk.wallet(member).closed_at is not None:
        give_up_points(desk, member, because)


def _tell(desk: RedemptionDesk, member: Member, lost: GivenUp, start: int, balance: int, because: Cause) -> int:
    shares = lost.shares[start : start + LOTS_PER_EVENT]
    movements = lost.movements[start : start + LOTS_PER_EVENT]
    origin = desk.wallet(member).lots[shares[0].lot_id].origin
    event_id = derived_id(SOURCE, f"{because.key}/{shares[0].lot_id}", "points.forfeited")
    points = sum(share.points for share in shares)
    left = balance - sum(moved.points for moved in movements if moved.from_account == "available")
    data = PointsForfeited(
        program_id=member[0],
        member_id=member[1],
        causation_id=because.id,
        correlation_id=origin.correlation_id,
        rule_version=origin.rule_version,
        forfeit_id=str(event_id),
        points=points,
        allocations=tuple(
            LostFromLot(lot_id=str(share.lot_id), grant_id=str(share.grant_id), points=share.points) for share in shares
        ),
        cause="account_closed",
        balance_before=balance,
        balance_after=left,
    )
    cause = Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), because.time)
    desk.post(member, movements, cause)
    emit(desk, event_id, cause, data)
    return left
