"""What the calendar does to points: warned 30 and 7 days before, expired once warned (C20)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from services.redemption.domain.lot import Account, Lot, LotState, Movement
from services.redemption.domain.wallet import Wallet

Days = Literal[30, 7]
EXPIRY_TEMPLATE = "points_expiring"  # the notice, as notification names it


@dataclass(frozen=True, slots=True)
class Expired:
    """What was left of one lot at the instant it expired; the balances are the spendable points.

    `gone_before`: what had expired or was clawed back of it. A claw-back takes expired points for its own, so that
    `expired` alone can fall; the sum of both never does, and tells one expiry of a lot from the next.
    """

    lot: Lot
    expired_at: datetime
    points: int
    gone_before: int
    balance_before: int
    balance_after: int
    movements: tuple[Movement, ...]


def expire(wallet: Wallet) -> tuple[Wallet, tuple[Expired, ...]]:
    """Post available → expired for what is left of every lot that the clock has expired, the earliest first.

    What is held or reserved stays where it is. The wallet must be matured and hold all its open lots, for the
    balances. Doing it twice changes nothing.
    """
    lapsed = [lot for lot in wallet.lots.values() if _is_lapsed(lot)]
    if not lapsed:
        return wallet, ()
    told = []
    balance = wallet.spendable + sum(lot.remaining for lot in lapsed)
    for lot in sorted(lapsed, key=_order):
        points, at = lot.remaining, lot.lapses_at or lot.granted_at
        gone = lot._replace(remaining=0, expired=lot.expired + points)
        movement = lot.movement(Account.AVAILABLE, Account.EXPIRED, points)
        gone_before = lot.expired + lot.clawed_back
        told.append(Expired(gone, at, points, gone_before, balance, balance - points, (movement,)))
        balance -= points
        wallet = wallet.with_lots((gone,))
    return wallet, tuple(told)


def _is_lapsed(lot: Lot) -> bool:
    return lot.state is LotState.EXPIRED and lot.posted is LotState.AVAILABLE and lot.remaining > 0


def _order(lot: Lot) -> tuple[datetime, UUID]:
    return (lot.lapses_at or lot.granted_at, lot.lot_id)


class Warned(NamedTuple):
    """Which notices of a lot's present date were asked for, and whether the owed ones are recorded."""

    of_30: bool
    of_7: bool
    recorded: bool


NOT_WARNED = Warned(of_30=False, of_7=False, recorded=False)


class Step(NamedTuple):
    """What is to be done now, and when the next step is due; None = when something wakes the lot."""

    tell: Days | None
    due_at: datetime | None


_LOOK_AGAIN = timedelta(hours=1)
_LEAD = timedelta(hours=12)  # as notice_due() has it: told in the half day before the mark


def notice_due(expires_at: datetime, days: Days) -> datetime:
    """When a notice goes out, where the lot is there by then."""
    return expires_at - timedelta(days=days) - _LEAD


def next_step(lot: Lot, warned: Warned, now: datetime) -> Step:
    """The next step towards the expiry of a lot, its expiry itself having been posted.

    A lot that came too late for the notice of 30 days is told once, by that of 7. A lot with nothing left owes no
    notice; points that come back to it wake it.
    """
    if lot.expires_at is None or not lot.remaining:
        return Step(None, None)
    if warned.of_7:
        return Step(None, _not_before(lot.lapses_at, now) if warned.recorded else None)
    last = notice_due(lot.expires_at, 7)
    if now >= last:
        return Step(7, None)
    if warned.of_30:
        return Step(None, last)
    first = notice_due(lot.expires_at, 30)
    return Step(30, last) if now >= first else Step(None, first)


def _not_before(lapses_at: datetime | None, now: datetime) -> datetime | None:
    """A lot past its date that has points is pending still: it is looked at again, not at once for ever."""
    return None if lapses_at is None else lapses_at if lapses_at > now else now + _LOOK_AGAIN
