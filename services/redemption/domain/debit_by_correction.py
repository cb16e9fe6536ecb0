"""Taking points that two operators agreed to take: whole or not at all, and a deficit only where they said so."""

from dataclasses import dataclass
from uuid import UUID

from services.redemption.domain.lot import Account, LotPoints, Movement
from services.redemption.domain.wallet import Wallet, shares
from shared.events.reason_codes import ReasonCode


@dataclass(frozen=True, slots=True)
class CorrectedDown:
    """asked = what the lots gave + `short`, which the member owes; where `code` says why not, both are nothing."""

    debit_id: UUID
    asked: int
    taken: tuple[LotPoints, ...]
    short: int
    code: ReasonCode | None
    wallet_before: Wallet
    wallet_after: Wallet
    movements: tuple[Movement, ...]

    @property
    def points(self) -> int:
        return sum(share.points for share in self.taken) + self.short


def debit_by_correction(wallet: Wallet, debit_id: UUID, asked: int, may_leave_deficit: bool) -> CorrectedDown:
    """Forfeit spendable points, earliest expiry first; the wallet must be caught up with the clock.

    Beyond the balance it is refused, unless it may leave a deficit: that belongs to no lot, so the debit's own id
    stands in the journal for one.
    """
    spendable = wallet.spendable
    if asked > spendable and not may_leave_deficit:
        held = asked <= spendable + wallet.held_from_spending
        code = ReasonCode.HELD_FOR_REVIEW if held else ReasonCode.INSUFFICIENT_POINTS
        return CorrectedDown(debit_id, asked, (), 0, code, wallet, wallet, ())
    given = list(shares(wallet.in_spend_order(), asked))
    short = asked - sum(share for _, share in given)
    after = wallet._replace(deficit=wallet.deficit + short).with_lots(
        lot._replace(remaining=lot.remaining - share, forfeited=lot.forfeited + share) for lot, share in given
    )
    movements = [lot.movement(Account.AVAILABLE, Account.FORFEITED, share) for lot, share in given]
    if short:
        movements.append(Movement(debit_id, debit_id, Account.DEFICIT, Account.FORFEITED, short))
    taken = tuple(lot.share(share) for lot, share in given)
    return CorrectedDown(debit_id, asked, taken, short, None, wallet, after, tuple(movements))
