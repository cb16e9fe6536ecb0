"""Spent points go back to the lots that paid (design: "Refunds", "Redemption")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from services.redemption.domain.lot import Account, Lot, LotPoints, LotState, Movement, spend_order
from services.redemption.domain.wallet import Wallet

LIFE_AFTER_RETURN = timedelta(days=30)


class RestoreRefusedError(Exception):
    """More was to be given back than is still out, or nothing; the message is for an operator."""


class RestoredShare(NamedTuple):
    """What one lot got back; `to_lot` is the lot that paid or, where its date has passed, a new child of it."""

    paid_by: UUID
    to_lot: Lot
    points: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The shares sum to `points`; `spendable_after` is before holds bind of them and a deficit is repaid."""

    restoration_id: UUID
    points: int
    shares: tuple[RestoredShare, ...]
    movements: tuple[Movement, ...]
    spendable_before: int
    spendable_after: int


class Spent(NamedTuple):
    """What is still out of a redemption: each lot's share that it has not got back, perhaps none."""

    redemption_id: UUID
    shares: tuple[LotPoints, ...]

    @property
    def points(self) -> int:
        return sum(share.points for share in self.shares)

    def less(self, restored: Restored) -> "Spent":
        """What is out after some of it went back."""
        back = {share.paid_by: share.points for share in restored.shares}
        left = (share._replace(points=share.points - back.get(share.lot_id, 0)) for share in self.shares)
        return self._replace(shares=tuple(share for share in left if share.points))


def restore(
    wallet: Wallet, allocations: Sequence[LotPoints], points: int, now: datetime, restoration_id: UUID
) -> tuple[Wallet, Restored]:
    """Give `points` of a redemption back; `allocations` are what each lot paid and has not got back yet.

    The points that were spent last come back first. A lot whose date has passed gets a child lot of the same grant
    that lives 30 days from `now`. The wallet must be matured and hold the lots of the allocations; the caller lets
    holds bind and repays a deficit (`give_back`). Raises RestoreRefusedError for more than is still out.
    """
    out = sum(share.points for share in allocations)
    if not 0 < points <= out:
        raise RestoreRefusedError(f"{points} points were to be given back and {out} are still out; check the request.")
    left, before, shares, movements = points, wallet.spendable, [], []
    by_last = sorted(allocations, key=lambda share: spend_order(wallet.lots[share.lot_id]), reverse=True)
    for allocation in by_last:
        returned = min(allocation.points, left)
        if not returned:
            continue
        left -= returned
        paid_by = wallet.lots[allocation.lot_id]
        wallet, to_lot = _return(wallet, paid_by, returned, now, restoration_id)
        shares.append(RestoredShare(paid_by.lot_id, to_lot, returned))
        movements.append(to_lot.movement(Account.REDEEMED, Account.AVAILABLE, returned))
    told = Restored(restoration_id, points, tuple(shares), tuple(movements), before, wallet.spendable)
    return wallet, told


def _return(wallet: Wallet, lot: Lot, points: int, now: datetime, restoration_id: UUID) -> tuple[Wallet, Lot]:
    if not _is_past(lot, now):
        back = lot._replace(redeemed=lot.redeemed - points, remaining=lot.remaining + points)
        return wallet.with_lots((back,)), back
    child = _child(lot, points, now, restoration_id)
    parent = lot._replace(redeemed=lot.redeemed - points, passed_on=lot.passed_on + points)
    return wallet.with_lots((parent, child)), child


def _is_past(lot: Lot, now: datetime) -> bool:
    return lot.state is LotState.EXPIRED or (lot.expires_at is not None and lot.expires_at <= now)


def _child(lot: Lot, points: int, now: datetime, restoration_id: UUID) -> Lot:
    """Its id follows from its cause, so that a rebuild opens the same."""
    lives_until = now + LIFE_AFTER_RETURN
    return Lot(
        lot_id=uuid5(restoration_id, str(lot.lot_id)),
        grant_id=lot.grant_id,
        child_of=lot.lot_id,
        points=points,
        remaining=points,
        posted=LotState.AVAILABLE,
        state=LotState.AVAILABLE,
        granted_at=now,
        available_at=now,
        expires_at=lives_until if lot.expires_at is None else max(lot.expires_at, lives_until),
        origin=lot.origin,
    )
