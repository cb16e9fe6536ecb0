"""Posting what the clock has already done to a wallet."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.domain.lot import Account, Lot, LotState, Movement
from services.redemption.domain.wallet import SetOff, Wallet, set_off


@dataclass(frozen=True, slots=True)
class Matured:
    """One lot that left the pending state at its `available_at`, and the deficit it repaid at once."""

    lot: Lot
    matured_at: datetime
    points: int
    movements: tuple[Movement, ...]
    set_off: SetOff | None


def schedule(wallet: Wallet, lot: Lot, available_at: datetime, *, overdue: bool) -> Wallet:
    """Give a lot that waited for its delivery its date; `overdue` says that the clock has already passed it."""
    state = LotState.AVAILABLE if overdue else LotState.PENDING
    return wallet.with_lots((lot._replace(available_at=available_at, state=state),))


def mature(wallet: Wallet) -> tuple[Wallet, tuple[Matured, ...]]:
    """Post pending → available for every lot the clock has made available, in the order of its doing.

    A lot that was clawed back whole while pending changes its state and tells nothing. Doing it twice changes
    nothing.
    """
    told: list[Matured] = []
    due = [lot for lot in wallet.lots.values() if _is_due(lot)]
    for lot in sorted(due, key=_order):
        posted = lot._replace(posted=LotState.AVAILABLE)
        wallet = wallet.with_lots((posted,))
        if not lot.remaining or lot.available_at is None:
            continue
        movement = lot.movement(Account.PENDING, Account.AVAILABLE, lot.remaining)
        wallet, repaid = set_off(wallet)
        told.append(Matured(posted, lot.available_at, lot.remaining, (movement,), repaid))
    return wallet, tuple(told)


def _is_due(lot: Lot) -> bool:
    return lot.posted is LotState.PENDING and lot.state is not LotState.PENDING


def _order(lot: Lot) -> tuple[datetime, UUID]:
    return (lot.available_at or lot.granted_at, lot.lot_id)
