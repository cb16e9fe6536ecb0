"""What a member has, in every state, and what the clock will do to it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from services.redemption.domain.lot import Lot, LotState
from services.redemption.domain.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all lots of a wallet, spent ones included."""

    issued: int = 0
    reserved: int = 0
    held: int = 0
    redeemed: int = 0
    expired: int = 0
    forfeited: int = 0
    recalled: int = 0
    corrected: int = 0  # credits by an operator's correction: issued, but not earned


@dataclass(frozen=True, slots=True)
class Coming:
    """Points to which something happens at one instant."""

    at: datetime
    points: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Points by state (invariant 1):

    issued = pending + available + reserved + held + redeemed + expired + forfeited + clawed_back
             − deficit − waived
    """

    issued: int
    pending: int
    available: int
    reserved: int
    held: int
    redeemed: int
    expired: int
    forfeited: int
    clawed_back: int
    deficit: int
    waived: int
    lifetime: int
    expiries: tuple[Coming, ...]
    maturities: tuple[Coming, ...]


def balance(wallet: Wallet, totals: Totals) -> Balance:
    """The balance of a matured wallet.

    It holds at least the lots with remaining or held points; `totals` sums all lots.
    Lifetime = granted − clawed back, lots still pending and corrections excluded (design: "Redemption").
    """
    open_lots = [lot for lot in wallet.lots.values() if lot.remaining or lot.held]
    pending = [lot for lot in open_lots if lot.posted is LotState.PENDING]
    lapsed = sum(lot.remaining for lot in open_lots if lot.state is LotState.EXPIRED)
    return Balance(
        issued=totals.issued,
        pending=sum(lot.remaining for lot in pending),
        available=wallet.spendable,
        reserved=totals.reserved,
        held=totals.held,
        redeemed=totals.redeemed,
        expired=totals.expired + lapsed,
        forfeited=totals.forfeited,
        clawed_back=totals.recalled,
        deficit=wallet.deficit,
        waived=wallet.waived,
        lifetime=totals.issued - totals.corrected - totals.recalled - sum(lot.points - lot.recalled for lot in pending),
        expiries=_by_instant([(lot.expires_at, lot) for lot in open_lots if lot.state is not LotState.EXPIRED]),
        maturities=_by_instant([(lot.available_at, lot) for lot in pending]),
    )


def _by_instant(dated: list[tuple[datetime | None, Lot]]) -> tuple[Coming, ...]:
    sums: Counter[datetime] = Counter()
    for instant, lot in dated:
        if instant is not None and lot.remaining:
            sums[instant] += lot.remaining
    return tuple(Coming(instant, sums[instant]) for instant in sorted(sums))
