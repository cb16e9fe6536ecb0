"""Spending points: which lots pay."""

from dataclasses import dataclass

from services.redemption.domain.lot import Account, LotPoints, Movement
from services.redemption.domain.wallet import Wallet, shares


class InsufficientPointsError(Exception):
    """The wallet cannot pay what was asked; nothing was taken."""

    def __init__(self, wanted: int, spendable: int) -> None:
        super().__init__(f"{wanted} points were asked for and {spendable} can be spent.")
        self.wanted = wanted
        self.spendable = spendable


class HeldForReviewError(InsufficientPointsError):
    """It could pay, did not holds bind its points until a person has looked (C26)."""


@dataclass(frozen=True, slots=True)
class Debit:
    """One allocation per lot touched; they sum to `points` (C25)."""

    points: int
    allocations: tuple[LotPoints, ...]
    spendable_before: int
    spendable_after: int
    movements: tuple[Movement, ...]


def debit(wallet: Wallet, points: int) -> tuple[Wallet, Debit]:
    """Take points: earliest expiry first, undated last, then oldest. The clock's doing must have been posted.

    Raises InsufficientPointsError, HeldForReviewError where a hold is why, and ValueError unless points are positive.
    """
    if points <= 0:
        raise ValueError(f"A debit takes a positive number of points, not {points}.")
    spendable = wallet.spendable
    if points > spendable:
        raise _refusal(wallet, points, spendable)
    taken = list(shares(wallet.in_spend_order(), points))
    after = wallet.with_lots(
        lot._replace(remaining=lot.remaining - share, redeemed=lot.redeemed + share) for lot, share in taken
    )
    return after, Debit(
        points,
        tuple(lot.share(share) for lot, share in taken),
        spendable,
        spendable - points,
        tuple(lot.movement(Account.AVAILABLE, Account.REDEEMED, share) for lot, share in taken),
    )


def _refusal(wallet: Wallet, points: int, spendable: int) -> InsufficientPointsError:
    holds_are_why = points <= spendable + wallet.held_from_spending
    if holds_are_why or any(hold.binds_everything for hold in wallet.holds.values()):
        return HeldForReviewError(points, spendable)
    return InsufficientPointsError(points, spendable)
