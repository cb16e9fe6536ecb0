"""Wallets and lots as tests build them, and the accounts their movements add up to."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.redemption.domain.binding import bind
from services.redemption.domain.hold import Decision, Placed, Scope, Verdict
from services.redemption.domain.lot import Account, Lot, LotState, Movement, Origin
from services.redemption.domain.wallet import Wallet

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def lot(
    number: int,
    points: int,
    *,
    posted: LotState = LotState.AVAILABLE,
    state: LotState | None = None,
    day: int = 0,
    available_day: int | None = None,
    expires_day: int | None = None,
) -> Lot:
    """An untouched lot; days count from NOON."""
    return Lot(
        lot_id=UUID(int=number),
        grant_id=UUID(int=number),
        points=points,
        remaining=points,
        posted=posted,
        state=state or posted,
        granted_at=NOON + timedelta(days=day),
        available_at=None if available_day is None else NOON + timedelta(days=available_day),
        expires_at=None if expires_day is None else NOON + timedelta(days=expires_day),
        origin=Origin(f"granted-{number}", "story"),
    )


def placed(
    *grants: int,
    points: int | None = None,
    scope: Scope | None = None,
    at: datetime = NOON,
    grant_ids: tuple[UUID, ...] = (),
) -> Placed:
    """A hold of the grants with these numbers; of the member where none is named."""
    ids = frozenset(grant_ids or (UUID(int=number) for number in grants))
    return Placed(
        scope=scope or (Scope.GRANTS if ids else Scope.MEMBER),
        grant_ids=ids,
        asked=points,
        reason="MEMBER_VELOCITY",
        deadline=at + timedelta(days=3),
        case_id="case",
        event_id="placed",
        event_key=UUID(int=1),
        correlation_id="story",
        at=at,
    )


def decided(verdict: Verdict, points: int | None = None, at: datetime = NOON) -> Decision:
    return Decision(verdict, points, "reviewer-1", "looked at", "decided", UUID(int=2), "story", at)


def wallet(*lots: Lot, deficit: int = 0, waived: int = 0) -> Wallet:
    return Wallet("fruit-shop", "m-1", deficit, waived, {each.lot_id: each for each in lots})


def at(held: Wallet, moment: datetime) -> Wallet:
    """The wallet as loaded at a moment: what lot_state says of dates, without any expiry notice."""

    def state(each: Lot) -> LotState:
        due = each.available_at is not None and each.available_at <= moment
        return LotState.AVAILABLE if due or each.posted is LotState.AVAILABLE else LotState.PENDING

    return held._replace(lots={lot_id: each._replace(state=state(each)) for lot_id, each in held.lots.items()})


def accounts(movements: Iterable[Movement]) -> Counter[Account]:
    """What came in less what went out; every movement must move something somewhere else."""
    sums: Counter[Account] = Counter()
    for movement in movements:
        assert movement.points > 0
        assert movement.from_account is not movement.to_account
        sums[movement.from_account] -= movement.points
        sums[movement.to_account] += movement.points
    return sums


def assert_lots_whole(held: Wallet) -> None:
    """The CHECKs of the lot and wallet tables."""
    assert held.deficit >= 0
    assert held.waived >= 0
    for each in held.lots.values():
        parts = (
            each.remaining,
            each.held,
            each.reserved,
            each.redeemed,
            each.clawed_back,
            each.set_off,
            each.expired,
            each.forfeited,
        )
        assert min(parts) >= 0
        assert sum(parts) == each.points
        assert each.clawed_back <= each.recalled <= each.points
    assert_holds_whole(held)


def assert_holds_whole(held: Wallet) -> None:
    """The CHECKs and triggers of the hold tables; and no free point is left that an open hold wants."""
    bound: Counter[UUID] = Counter()
    for hold in held.holds.values():
        assert min(hold.shares.values(), default=0) >= 0
        assert hold.bound == hold.held + hold.taken_back + hold.forfeited + hold.released
        assert hold.is_open or not hold.held
        bound.update(hold.shares)
    assert +bound == {lot_id: lot.held for lot_id, lot in held.lots.items() if lot.held}
    again, nothing = bind(held)
    assert (again, nothing) == (held, ())


def assert_same_books(held: Wallet, movements: Iterable[Movement]) -> None:
    """Invariant 1, and the wallet's own numbers equal to what its movements add up to."""
    assert_lots_whole(held)
    sums = accounts(movements)
    lots = held.lots.values()
    assert sum(sums.values()) == 0
    assert -sums[Account.ISSUED] == sum(each.points for each in lots)
    assert sums[Account.PENDING] == sum(each.remaining for each in lots if each.posted is LotState.PENDING)
    assert sums[Account.AVAILABLE] == sum(each.remaining for each in lots if each.posted is LotState.AVAILABLE)
    assert sums[Account.HELD] == sum(each.held for each in lots)
    assert sums[Account.REDEEMED] == sum(each.redeemed for each in lots)
    assert sums[Account.EXPIRED] == sum(each.expired for each in lots)
    assert sums[Account.FORFEITED] == sum(each.forfeited for each in lots)
    assert sums[Account.CLAWED_BACK] == sum(each.recalled for each in lots)
    assert sums[Account.DEFICIT] == -held.deficit
    assert sums[Account.WAIVED] == -held.waived
    assert sum(each.recalled - each.clawed_back - each.set_off for each in lots) == held.deficit + held.waived
