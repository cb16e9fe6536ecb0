"""Holds take hold of points, and let them go again. The clock's doing must have been posted before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.redemption.domain.hold import Decision, HeldPoints, Hold, Placed, in_order
from services.redemption.domain.lot import Account, Lot, LotState, Movement, spend_order
from services.redemption.domain.wallet import Wallet

LIFE_AFTER_RELEASE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Bound:
    """Points that a hold began to bind: one movement per lot, out of its pending or available points."""

    hold: Hold
    movements: tuple[Movement, ...]
    spendable_before: int
    spendable_after: int


@dataclass(frozen=True, slots=True)
class Released:
    """Points that a hold let go, back to the account the clock says; `lots` as they are now."""

    hold: Hold
    movements: tuple[Movement, ...]
    lots: tuple[Lot, ...]
    spendable_before: int
    spendable_after: int

    @property
    def points(self) -> int:
        return sum(movement.points for movement in self.movements)


@dataclass(frozen=True, slots=True)
class Forfeited:
    """Points lost to a confirmed hold: out of its own shares, or those that other holds had of the same lots."""

    hold: Hold
    shares: tuple[HeldPoints, ...]
    movements: tuple[Movement, ...]
    spendable: int

    @property
    def points(self) -> int:
        return sum(share.points for share in self.shares)


def place(wallet: Wallet, hold_id: str, placed: Placed) -> Wallet:
    """Enter a hold that binds nothing yet."""
    return wallet.with_holds((Hold(hold_id, placed),))


def bind(wallet: Wallet) -> tuple[Wallet, tuple[Bound, ...]]:
    """Let every open hold take what it still wants of the free points in its scope, the earliest hold first.

    It is called whenever points come or become free, so no free point is left that an open hold wants.
    """
    told = []
    for hold in in_order(wallet.holds.values()):
        taken = list(_free_shares(wallet, hold))
        if not taken:
            continue
        after = wallet.with_lots(lot.hold(points) for lot, points in taken).with_holds(
            (hold.with_more((lot.lot_id, points) for lot, points in taken),)
        )
        movements = tuple(lot.movement(lot.account, Account.HELD, points) for lot, points in taken)
        told.append(Bound(after.holds[hold.hold_id], movements, wallet.spendable, after.spendable))
        wallet = after
    return wallet, tuple(told)


def release(wallet: Wallet, hold_id: str, decision: Decision) -> tuple[Wallet, Released]:
    """End a hold: what it binds goes back, and expires no earlier than 30 days after the decision.

    The caller lets the other holds bind and repays a deficit before anything is spent.
    """
    hold = wallet.holds[hold_id]
    shares = [(wallet.lots[lot_id], points) for lot_id, points in sorted(hold.shares.items()) if points]
    lots = tuple(_kept_alive(lot.let_go(points), decision.at) for lot, points in shares)
    ended = hold._replace(decision=decision, shares=dict.fromkeys(hold.shares, 0), released=hold.released + hold.held)
    after = wallet.with_lots(lots).with_holds((ended,))
    movements = tuple(lot.movement(Account.HELD, lot.account, points) for lot, points in shares)
    return after, Released(ended, movements, lots, wallet.spendable, after.spendable)


def forfeit(wallet: Wallet, hold_id: str, points: int) -> tuple[Wallet, Forfeited]:
    """Take the points that a person's confirmation names, as far as they are held; nothing free is ever taken.

    The hold's own shares pay first; then what other holds bind of lots in its scope, for those would be its own
    had they not come first. The hold itself stays, to be ended by `release`.
    """
    hold = wallet.holds[hold_id]
    shares = tuple(_first(_own_then_others(wallet, hold), points))
    after, movements = _lose(wallet, shares)
    return after, Forfeited(after.holds[hold_id], shares, movements, wallet.spendable)


def held_shares(wallet: Wallet, lot_id: UUID, points: int) -> tuple[HeldPoints, ...]:
    """Whose shares of a lot give `points` of it, the earliest hold first."""
    held = (
        HeldPoints(hold.hold_id, lot_id, wallet.lots[lot_id].grant_id, hold.shares[lot_id])
        for hold in in_order(wallet.holds.values())
        if hold.shares.get(lot_id)
    )
    return tuple(_first(held, points))


def shrink(wallet: Wallet, shares: tuple[HeldPoints, ...]) -> Wallet:
    """A claw-back took these points out of their holds; the lots are the caller's."""
    for share in shares:
        hold = wallet.holds[share.hold_id]
        smaller = hold.without(share.lot_id, share.points)._replace(taken_back=hold.taken_back + share.points)
        wallet = wallet.with_holds((smaller,))
    return wallet


def _free_shares(wallet: Wallet, hold: Hold) -> Iterator[tuple[Lot, int]]:
    """What can be spent first, in spend order; then what is still pending."""
    free = [lot for lot in wallet.lots.values() if lot.free and hold.covers(lot)]
    left = hold.wants(sum(lot.free for lot in free))
    for lot in sorted(free, key=lambda each: (each.posted is LotState.PENDING, spend_order(each))):
        if left <= 0:
            return
        points = min(lot.free, left)
        left -= points
        yield lot, points


def _own_then_others(wallet: Wallet, hold: Hold) -> Iterator[HeldPoints]:
    lots = sorted((lot for lot in wallet.lots.values() if lot.held and hold.covers(lot)), key=spend_order)
    others = [other for other in in_order(wallet.holds.values()) if other.hold_id != hold.hold_id]
    for each in (hold, *others):
        for lot in lots:
            if points := each.shares.get(lot.lot_id):
                yield HeldPoints(each.hold_id, lot.lot_id, lot.grant_id, points)


def _first(shares: Iterator[HeldPoints], wanted: int) -> Iterator[HeldPoints]:
    for share in shares:
        if wanted <= 0:
            return
        points = min(share.points, wanted)
        wanted -= points
        yield share._replace(points=points)


def _lose(wallet: Wallet, shares: tuple[HeldPoints, ...]) -> tuple[Wallet, tuple[Movement, ...]]:
    lost: dict[UUID, int] = {}
    for share in shares:
        hold = wallet.holds[share.hold_id]
        smaller = hold.without(share.lot_id, share.points)._replace(forfeited=hold.forfeited + share.points)
        wallet = wallet.with_holds((smaller,))
        lost[share.lot_id] = lost.get(share.lot_id, 0) + share.points
    lots = [
        wallet.lots[lot_id]._replace(
            held=wallet.lots[lot_id].held - points, forfeited=wallet.lots[lot_id].forfeited + points
        )
        for lot_id, points in lost.items()
    ]
    movements = tuple(lot.movement(Account.HELD, Account.FORFEITED, lost[lot.lot_id]) for lot in lots)
    return wallet.with_lots(lots), movements


def _kept_alive(lot: Lot, released_at: datetime) -> Lot:
    if lot.expires_at is None or lot.expires_at >= released_at + LIFE_AFTER_RELEASE:
        return lot
    state = LotState.AVAILABLE if lot.state is LotState.EXPIRED else lot.state
    return lot._replace(expires_at=released_at + LIFE_AFTER_RELEASE, state=state)
