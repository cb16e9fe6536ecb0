"""Closing an account: what a member gives up with it (C22)."""

from dataclasses import dataclass

from services.redemption.domain.lot import Account, LotPoints, Movement
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.wallet import Wallet
from shared.events.reason_codes import ReasonCode


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Points of a closed account that went back to nobody, by lot; the balances are the spendable points."""

    shares: tuple[LotPoints, ...]
    movements: tuple[Movement, ...]
    balance_before: int
    balance_after: int

    @property
    def points(self) -> int:
        return sum(share.points for share in self.shares)


def unspent(wallet: Wallet) -> int:
    """Points a member would lose by closing: pending and available, and those held or reserved, once they end."""
    return sum(lot.remaining + lot.held + lot.reserved for lot in wallet.lots.values())


def require_acknowledged(wallet: Wallet, acknowledged: int) -> None:
    """Raises RefusedError where there are more points than the member said to give up."""
    points = unspent(wallet)
    if points > acknowledged:
        raise RefusedError(
            ReasonCode.UNSPENT_POINTS_ACK_REQUIRED,
            f"The account holds {points} points, which are lost when it is closed, and {acknowledged} were "
            "acknowledged; ask the member, and send the number as acknowledged_points.",
            points=points,
            acknowledged=acknowledged,
        )


def give_up(wallet: Wallet) -> tuple[Wallet, GivenUp]:
    """Forfeit every free point, pending or available. What is held or reserved ends first, and is given up then.

    The clock's doing must have been posted.
    """
    free = sorted((lot for lot in wallet.lots.values() if lot.remaining), key=lambda lot: lot.lot_id)
    after = wallet.with_lots(lot._replace(remaining=0, forfeited=lot.forfeited + lot.remaining) for lot in free)
    return after, GivenUp(
        tuple(lot.share(lot.remaining) for lot in free),
        tuple(lot.movement(lot.account, Account.FORFEITED, lot.remaining) for lot in free),
        wallet.spendable,
        after.spendable,
    )
