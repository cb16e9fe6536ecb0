"""Points reserved at the till: taken from what can be spent, then redeemed or let go. A hold does not touch them."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.redemption.domain.lot import Account, LotPoints, Movement, spend_order
from services.redemption.domain.wallet import Wallet, shares


@dataclass(frozen=True, slots=True)
class Moved:
    """Points of each lot that went from one account to another; `allocations` in spend order."""

    allocations: tuple[LotPoints, ...]
    movements: tuple[Movement, ...]
    spendable_before: int
    spendable_after: int

    @property
    def points(self) -> int:
        return sum(share.points for share in self.allocations)


def reserve(wallet: Wallet, points: int) -> tuple[Wallet, Moved]:
    """Reserve points that can be spent, in spend order; the caller has seen that there are enough."""
    taken = list(shares(wallet.in_spend_order(), points))
    after = wallet.with_lots(lot.reserve(share) for lot, share in taken)
    return after, Moved(
        tuple(lot.share(share) for lot, share in taken),
        tuple(lot.movement(Account.AVAILABLE, Account.RESERVED, share) for lot, share in taken),
        wallet.spendable,
        after.spendable,
    )


def split(wallet: Wallet, reserved: Sequence[LotPoints], points: int) -> tuple[list[LotPoints], list[LotPoints]]:
    """The shares that pay `points`, in spend order, and those that are left."""
    paying, rest = [], []
    for share in sorted(reserved, key=lambda each: spend_order(wallet.lots[each.lot_id])):
        pays = min(share.points, points)
        points -= pays
        if pays:
            paying.append(share._replace(points=pays))
        if share.points > pays:
            rest.append(share._replace(points=share.points - pays))
    return paying, rest


def redeem_reserved(wallet: Wallet, paying: Sequence[LotPoints]) -> tuple[Wallet, Moved]:
    """Reserved points become redeemed; the balance is told as if they had been spendable before."""
    lots = [wallet.lots[share.lot_id] for share in paying]
    after = wallet.with_lots(
        lot._replace(reserved=lot.reserved - share.points, redeemed=lot.redeemed + share.points)
        for lot, share in zip(lots, paying, strict=True)
    )
    movements = tuple(
        lot.movement(Account.RESERVED, Account.REDEEMED, share.points) for lot, share in zip(lots, paying, strict=True)
    )
    spendable = wallet.spendable
    return after, Moved(tuple(paying), movements, spendable + sum(share.points for share in paying), spendable)


def let_go(wallet: Wallet, released: Sequence[LotPoints]) -> tuple[Wallet, Moved]:
    """Reserved points go back to their lots, with their dates; the caller lets holds bind and repays a deficit."""
    lots = [wallet.lots[share.lot_id] for share in released]
    after = wallet.with_lots(
        lot._replace(reserved=lot.reserved - share.points, remaining=lot.remaining + share.points)
        for lot, share in zip(lots, released, strict=True)
    )
    movements = tuple(
        lot.movement(Account.RESERVED, Account.AVAILABLE, share.points)
        for lot, share in zip(lots, released, strict=True)
    )
    return after, Moved(tuple(released), movements, wallet.spendable, after.spendable)
