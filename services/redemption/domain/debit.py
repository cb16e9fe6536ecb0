"""Spending points: which lots pay."""

from dataclasses import dataclass

from services.redemption.domain.lot import Account, LotPoints, Movement
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.wallet import Wallet, shares
from shared.events.reason_codes import ReasonCode


class InsufficientPointsError(RefusedError):
    """The wallet cannot pay what was asked; nothing was taken."""

    code = ReasonCode.INSUFFICIENT_POINTS
    advice = "ask for fewer."

    def __init__(self, wanted: int, spendable: int) -> None:
        detail = f"{wanted} points were asked for and {spendable} can be spent now; {self.advice}"
        super().__init__(self.code, detail, points=wanted, available=spendable)
        self.wanted = wanted
        self.spendable = spendable


class HeldForReviewError(InsufficientPointsError):
    """It could pay, did not holds bind its points until a person has looked (C26)."""

    code = ReasonCode.HELD_FOR_REVIEW
    advice = "the others are held until a person has reviewed the case."


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
        raise refusal_of(wallet, points)
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


def refusal_of(wallet: Wallet, points: int) -> InsufficientPointsError:
    """Why the wallet cannot pay so many points: it has fewer, or holds bind them."""
    spendable = wallet.spendable
    holds_are_why = points <= spendable + wallet.held_from_spending
    if holds_are_why or any(hold.binds_everything for hold in wallet.holds.values()):
        return HeldForReviewError(points, spendable)
    return InsufficientPointsError(points, spendable)
