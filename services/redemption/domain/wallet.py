"""A wallet: one member's lots, and what claw-backs left owing."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from services.redemption.domain.hold import Hold
from services.redemption.domain.lot import Account, Lot, LotPoints, LotState, Movement, spend_order

_NO_LOTS: Mapping[UUID, Lot] = MappingProxyType({})
_NO_HOLDS: Mapping[str, Hold] = MappingProxyType({})


class Wallet(NamedTuple):
    """`deficit` is owed by the member and repaid by whatever becomes spendable (C19); `waived` was let go."""

    program_id: str
    member_id: str
    deficit: int = 0
    waived: int = 0
    lots: Mapping[UUID, Lot] = _NO_LOTS
    holds: Mapping[str, Hold] = _NO_HOLDS  # by id: the open ones, and those that events of the batch name
    closed_at: datetime | None = None  # the account is closed: every point of it is forfeited (C22)

    @property
    def spendable(self) -> int:
        """Points the member can spend now."""
        return sum(lot.spendable for lot in self.lots.values())

    @property
    def held_from_spending(self) -> int:
        """Points that could be spent now if no hold bound them."""
        return sum(lot.held for lot in self.lots.values() if lot.posted is LotState.AVAILABLE)

    @property
    def open_holds(self) -> int:
        return sum(hold.is_open for hold in self.holds.values())

    def with_lots(self, changed: Iterable[Lot]) -> "Wallet":
        lots = dict(self.lots)
        for lot in changed:
            lots[lot.lot_id] = lot
        return Wallet(self.program_id, self.member_id, self.deficit, self.waived, lots, self.holds, self.closed_at)

    def with_holds(self, changed: Iterable[Hold]) -> "Wallet":
        return self._replace(holds={**self.holds, **{hold.hold_id: hold for hold in changed}})

    def in_spend_order(self) -> list[Lot]:
        """The lots that can pay, in the order in which they do."""
        return sorted((lot for lot in self.lots.values() if lot.spendable), key=spend_order)


def shares(lots: Iterable[Lot], wanted: int) -> Iterator[tuple[Lot, int]]:
    """Take `wanted` points from lots in the given order, or what they have: each lot once, with its share."""
    for lot in lots:
        if wanted <= 0:
            return
        taken = min(lot.spendable, wanted)
        wanted -= taken
        yield lot, taken


def open_lot(wallet: Wallet, lot: Lot) -> Wallet:
    """Enter a grant's lot; its points go from `issued` to the lot's account."""
    program_id, member_id, deficit, waived, lots, holds, closed_at = wallet
    return Wallet(program_id, member_id, deficit, waived, {**lots, lot.lot_id: lot}, holds, closed_at)


class SetOff(NamedTuple):
    """Spendable points that repaid a deficit."""

    points: int
    shares: tuple[LotPoints, ...]
    deficit_before: int
    deficit_after: int
    movements: tuple[Movement, ...]


def set_off(wallet: Wallet) -> tuple[Wallet, SetOff | None]:
    """Whatever makes points spendable repays a deficit first (design: "Refunds").

    None where nothing is owed or nothing can pay.
    """
    if not wallet.deficit:
        return wallet, None
    taken = list(shares(wallet.in_spend_order(), wallet.deficit))
    points = sum(share for _, share in taken)
    if not points:
        return wallet, None
    paid = wallet._replace(deficit=wallet.deficit - points).with_lots(lot.pay_deficit(share) for lot, share in taken)
    movements = tuple(lot.movement(Account.AVAILABLE, Account.DEFICIT, share) for lot, share in taken)
    told = tuple(lot.share(share) for lot, share in taken)
    return paid, SetOff(points, told, wallet.deficit, paid.deficit, movements)
