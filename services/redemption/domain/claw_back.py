"""Taking back points of a grant because of a refund; never silently dropped (C19)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.redemption.domain.binding import held_shares, shrink
from services.redemption.domain.hold import HeldPoints
from services.redemption.domain.lot import Account, Lot, LotPoints, LotState, Movement, spend_order
from services.redemption.domain.wallet import Wallet, shares


class Policy(StrEnum):
    """What becomes of points that were spent before the refund (design: "Refunds")."""

    DEFICIT = "deficit"
    WITHIN_BALANCE = "within_balance"
    ONLY_PENDING = "only_pending"


class ClawBackRefusedError(Exception):
    """The claw-back does not fit the books and nothing was taken; the message is for an operator."""


class _Taken(NamedTuple):
    """What one of the grant's own lots gives."""

    lot: Lot
    remaining: int
    held: int
    expired: int
    forfeited: int

    @property
    def taken(self) -> int:
        return self.remaining + self.held

    @property
    def already_gone(self) -> int:
        return self.expired + self.forfeited

    @property
    def lot_after(self) -> Lot:
        lot = self.lot
        return lot._replace(
            remaining=lot.remaining - self.remaining,
            held=lot.held - self.held,
            expired=lot.expired - self.expired,
            forfeited=lot.forfeited - self.forfeited,
            clawed_back=lot.clawed_back + self.taken + self.already_gone,
        )

    @property
    def movements(self) -> Sequence[Movement]:
        return _movements(
            self.lot,
            {
                self.lot.account: self.remaining,
                Account.HELD: self.held,
                Account.EXPIRED: self.expired,
                Account.FORFEITED: self.forfeited,
            },
        )


@dataclass(frozen=True, slots=True)
class ClawBack:
    """The complete account: points = taken + set_off + already_gone + deficit + waived.

    `taken` left the grant's own lot, or the children that its returned points went to: their account `taken_from`, and
    `out_of_holds`, which shrink by it; `set_off` the member's other lots; `already_gone` had expired or been forfeited
    and is reposted.
    """

    grant_id: UUID
    points: int
    policy: Policy
    taken: int
    taken_from: Account
    out_of_holds: tuple[HeldPoints, ...]
    others: tuple[LotPoints, ...]
    already_gone: int
    deficit: int
    waived: int
    wallet_before: Wallet
    wallet_after: Wallet
    movements: tuple[Movement, ...]

    @property
    def set_off(self) -> int:
        return sum(share.points for share in self.others)


def claw_back(wallet: Wallet, grant_id: UUID, points: int, policy: Policy) -> tuple[Wallet, ClawBack]:
    """Take `points` of a grant: from its own lot first, then as the policy says. The wallet must be matured.

    Raises ClawBackRefusedError for a grant the wallet has not, and for more than is left to claw back.
    """
    lot = _own_lot(wallet, grant_id, points)
    own = _take_own(wallet, lot, points, policy)
    taken, already_gone = sum(each.taken for each in own), sum(each.already_gone for each in own)
    left = points - taken - already_gone
    out_of_holds = tuple(share for each in own for share in held_shares(wallet, each.lot.lot_id, each.held))
    after = shrink(wallet, out_of_holds).with_lots(each.lot_after for each in own)
    recalling = after.lots[grant_id]._replace(recalled=lot.recalled + points)
    after = after.with_lots((recalling,))
    others = [] if policy is Policy.ONLY_PENDING else list(shares(after.in_spend_order(), left))
    left -= sum(share for _, share in others)
    deficit = left if policy is Policy.DEFICIT else 0
    waived = left - deficit
    after = after._replace(deficit=after.deficit + deficit, waived=after.waived + waived).with_lots(
        other.pay_deficit(share) for other, share in others
    )
    movements = (
        *(moved for each in own for moved in each.movements),
        *(other.movement(Account.AVAILABLE, Account.CLAWED_BACK, share) for other, share in others),
        *_movements(recalling, {Account.DEFICIT: deficit, Account.WAIVED: waived}),
    )
    told = tuple(other.share(share) for other, share in others)
    return after, ClawBack(
        grant_id=grant_id,
        points=points,
        policy=policy,
        taken=taken,
        taken_from=lot.account,
        out_of_holds=out_of_holds,
        others=told,
        already_gone=already_gone,
        deficit=deficit,
        waived=waived,
        wallet_before=wallet,
        wallet_after=after,
        movements=movements,
    )


def _own_lot(wallet: Wallet, grant_id: UUID, points: int) -> Lot:
    lot = wallet.lots.get(grant_id)
    if lot is None:
        raise ClawBackRefusedError(
            f"Grant {grant_id} is not in this member's wallet; replay the record once its points.granted has arrived."
        )
    if points <= 0:
        raise ClawBackRefusedError(f"A claw-back of {points} points takes nothing; ask earning why it was sent.")
    if points > lot.points - lot.recalled:
        raise ClawBackRefusedError(
            f"Grant {grant_id} has {lot.points - lot.recalled} points that were not yet clawed back, "
            f"and {points} were asked for; compare it with earning's grant."
        )
    return lot


def _take_own(wallet: Wallet, lot: Lot, points: int, policy: Policy) -> list[_Taken]:
    """What the grant's own lots give: its first lot and the children that returned points went to, in spend order.

    What they still have goes first, then what of them had already expired or been forfeited.
    """
    children = (each for each in wallet.lots.values() if each.grant_id == lot.grant_id and each.child_of is not None)
    own, left = [], points
    for each in (lot, *sorted(children, key=spend_order)):
        remaining, held = _own_shares(each, left) if _may_take(each, policy) else (0, 0)
        left -= remaining + held
        own.append(_Taken(each, remaining, held, 0, 0))
    for place, given in enumerate(own):
        expired = min(given.lot.expired, left)
        left -= expired
        forfeited = min(given.lot.forfeited, left)
        left -= forfeited
        own[place] = given._replace(expired=expired, forfeited=forfeited)
    return [given for given in own if given.taken or given.already_gone]


def _own_shares(lot: Lot, points: int) -> tuple[int, int]:
    """How much its own remaining and held points give: pending, held, available (design: "Refunds")."""
    if lot.posted is LotState.PENDING:
        remaining = min(lot.remaining, points)
        return remaining, min(lot.held, points - remaining)
    held = min(lot.held, points)
    return min(lot.remaining, points - held), held


def _may_take(lot: Lot, policy: Policy) -> bool:
    return policy is not Policy.ONLY_PENDING or lot.posted is LotState.PENDING


def _movements(lot: Lot, amounts: dict[Account, int]) -> Sequence[Movement]:
    return [lot.movement(account, Account.CLAWED_BACK, points) for account, points in amounts.items() if points]
