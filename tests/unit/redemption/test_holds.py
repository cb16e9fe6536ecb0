"""Held points can't be spent, are never lost by themselves, and come back whole (C26)."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.redemption.domain.binding import bind, forfeit, place, release
from services.redemption.domain.claw_back import Policy, claw_back
from services.redemption.domain.debit import HeldForReviewError, InsufficientPointsError, debit
from services.redemption.domain.hold import Placed, Verdict
from services.redemption.domain.lot import Account, LotState
from services.redemption.domain.maturity import mature
from services.redemption.domain.wallet import Wallet, open_lot, set_off
from tests.unit.redemption.wallets import NOON, assert_lots_whole, decided, lot, placed, wallet

RELEASED = decided(Verdict.RELEASED)


def held(start: Wallet, *holds: Placed) -> Wallet:
    """The wallet with holds h1, h2, … placed in this order."""
    for number, each in enumerate(holds, 1):
        start, _ = bind(place(start, f"h{number}", each._replace(at=each.at + timedelta(seconds=number))))
    assert_lots_whole(start)
    return start


def test_a_hold_of_the_member_binds_pending_and_available_points_and_what_comes_later() -> None:
    now = held(wallet(lot(1, 100), lot(2, 50, posted=LotState.PENDING)), placed())
    assert (now.spendable, now.holds["h1"].held) == (0, 150)
    now = open_lot(now, lot(3, 30))
    now, (bound,) = bind(now)
    assert [(moved.lot_id.int, moved.points, moved.from_account) for moved in bound.movements] == [
        (3, 30, Account.AVAILABLE)
    ]
    assert (now.spendable, now.holds["h1"].held) == (0, 180)
    with pytest.raises(HeldForReviewError):
        debit(now, 1)


def test_a_hold_of_a_grant_waits_for_it_and_binds_nothing_else() -> None:
    now = held(wallet(lot(1, 100)), placed(2))
    assert (now.spendable, now.holds["h1"].held) == (100, 0)
    now = open_lot(now, lot(2, 40, posted=LotState.PENDING))
    now, (bound,) = bind(now)
    assert (bound.hold.held, now.spendable, now.lots[UUID(int=2)].remaining) == (40, 100, 0)


def test_some_points_are_held_where_they_could_be_spent_first_and_the_rest_later() -> None:
    start = wallet(lot(1, 100, expires_day=90), lot(2, 100, posted=LotState.PENDING), lot(3, 60, expires_day=30))
    now = held(start, placed(points=200))
    assert now.holds["h1"].shares == {UUID(int=3): 60, UUID(int=1): 100, UUID(int=2): 40}
    now = held(start, placed(points=80))
    assert (now.spendable, now.holds["h1"].shares) == (80, {UUID(int=3): 60, UUID(int=1): 20})
    with pytest.raises(HeldForReviewError) as refused:
        debit(now, 81)
    assert (refused.value.wanted, refused.value.spendable) == (81, 80)
    with pytest.raises(InsufficientPointsError) as short:
        debit(now, 161)
    assert type(short.value) is InsufficientPointsError, "not even without the hold could it pay"


def test_points_that_the_clock_has_ended_are_not_held() -> None:
    now = held(wallet(lot(1, 100, state=LotState.EXPIRED, expires_day=-1), lot(2, 5)), placed())
    assert now.holds["h1"].held == 5


def test_a_held_lot_does_not_mature_into_spendable_points_but_is_released_into_them() -> None:
    now = held(wallet(lot(1, 100, posted=LotState.PENDING, available_day=7)), placed(1))
    due = now.lots[UUID(int=1)]._replace(state=LotState.AVAILABLE)
    now, told = mature(now.with_lots((due,)))
    assert (told, now.spendable) == ((), 0)
    now, freed = release(now, "h1", RELEASED)
    assert [(moved.to_account, moved.points) for moved in freed.movements] == [(Account.AVAILABLE, 100)]
    assert now.spendable == 100


def test_released_before_it_is_due_it_is_pending_again() -> None:
    now = held(wallet(lot(1, 100, posted=LotState.PENDING, available_day=7)), placed(1))
    now, freed = release(now, "h1", RELEASED)
    assert [moved.to_account for moved in freed.movements] == [Account.PENDING]
    assert (now.spendable, now.lots[UUID(int=1)].remaining) == (0, 100)


def test_released_points_repay_a_deficit_first_and_held_ones_do_not() -> None:
    now = held(wallet(lot(1, 100), lot(2, 40)), placed(2))
    now, _ = debit(now, 100)
    now, taken = claw_back(now, UUID(int=1), 100, Policy.DEFICIT)
    assert (taken.deficit, taken.set_off, now.lots[UUID(int=2)].held) == (100, 0, 40)
    now, freed = release(now, "h1", RELEASED)
    now, repaid = set_off(now)
    assert repaid is not None
    assert (freed.points, repaid.points, now.deficit, now.spendable) == (40, 40, 60, 0)
    assert_lots_whole(now)


@pytest.mark.parametrize(("expires_day", "kept_until"), [(10, 30), (31, 31), (None, None)])
def test_released_points_expire_no_earlier_than_thirty_days_later(
    expires_day: int | None, kept_until: int | None
) -> None:
    now = held(wallet(lot(1, 100, expires_day=expires_day)), placed(1))
    now, freed = release(now, "h1", RELEASED)
    expected = None if kept_until is None else NOON + timedelta(days=kept_until)
    assert freed.lots[0].expires_at == now.lots[UUID(int=1)].expires_at == expected


def test_what_expired_while_it_was_held_lives_again_when_released() -> None:
    now = held(wallet(lot(1, 100, expires_day=1)), placed(1))
    over = now.lots[UUID(int=1)]._replace(state=LotState.EXPIRED)
    now, _ = release(now.with_lots((over,)), "h1", decided(Verdict.RELEASED, at=NOON + timedelta(days=9)))
    assert now.spendable == 100


@pytest.mark.parametrize(
    ("posted", "from_pending", "from_held", "from_available"),
    [(LotState.PENDING, 60, 10, 0), (LotState.AVAILABLE, 0, 40, 30)],
)
def test_a_claw_back_takes_pending_then_held_then_available_points(
    posted: LotState, from_pending: int, from_held: int, from_available: int
) -> None:
    now = held(wallet(lot(1, 100, posted=posted)), placed(1, points=40))
    now, taken = claw_back(now, UUID(int=1), 70, Policy.DEFICIT)
    assert {moved.from_account: moved.points for moved in taken.movements} == {
        account: points
        for account, points in (
            (Account.PENDING, from_pending),
            (Account.HELD, from_held),
            (Account.AVAILABLE, from_available),
        )
        if points
    }
    assert (taken.taken, taken.deficit, now.holds["h1"].taken_back) == (70, 0, from_held)
    assert now.holds["h1"].held == 40 - from_held
    assert_lots_whole(now)


def test_a_claw_back_shrinks_the_earliest_hold_of_the_lot_first_and_it_takes_no_others_instead() -> None:
    now = held(wallet(lot(1, 100), lot(2, 100)), placed(1, points=30), placed(1, points=50))
    now, taken = claw_back(now, UUID(int=1), 40, Policy.DEFICIT)
    assert [(share.hold_id, share.points) for share in taken.out_of_holds] == [("h1", 30), ("h2", 10)]
    assert [now.holds[name].held for name in ("h1", "h2")] == [0, 40]
    assert_lots_whole(now)


def test_only_pending_takes_held_points_of_a_pending_lot_alone() -> None:
    start = held(wallet(lot(1, 100, posted=LotState.PENDING)), placed(1))
    _, taken = claw_back(start, UUID(int=1), 100, Policy.ONLY_PENDING)
    assert (taken.taken, taken.waived) == (100, 0)
    _, taken = claw_back(held(wallet(lot(1, 100)), placed(1)), UUID(int=1), 100, Policy.ONLY_PENDING)
    assert (taken.taken, taken.waived) == (0, 100)


def test_what_a_person_confirms_is_forfeited_and_the_rest_comes_back() -> None:
    now = held(wallet(lot(1, 100), lot(2, 40)), placed())
    now, lost = forfeit(now, "h1", 110)
    now, freed = release(now, "h1", decided(Verdict.CONFIRMED, 110))
    assert (lost.points, freed.points, now.spendable) == (110, 30, 30)
    assert sum(each.forfeited for each in now.lots.values()) == 110
    assert now.open_holds == 0
    assert_lots_whole(now)


def test_a_confirmation_never_takes_what_is_free() -> None:
    now = held(wallet(lot(1, 100), lot(2, 40)), placed(2))
    now, lost = forfeit(now, "h1", 500)
    assert (lost.points, now.spendable) == (40, 100)


def test_the_order_of_two_decisions_about_the_same_points_makes_no_difference() -> None:
    """A hold of the member came first, so the grant's own hold binds nothing; its confirmation counts all the same."""
    start = held(wallet(lot(1, 100), lot(2, 40)), placed(), placed(2))
    assert start.holds["h2"].held == 0

    confirmed_first, lost = forfeit(start, "h2", 40)
    assert [(share.hold_id, share.points) for share in lost.shares] == [("h1", 40)]
    confirmed_first, _ = release(confirmed_first, "h2", decided(Verdict.CONFIRMED, 40))
    confirmed_first, _ = release(confirmed_first, "h1", RELEASED)

    released_first, _ = release(start, "h1", RELEASED)
    released_first, (bound,) = bind(released_first)
    assert (bound.hold.hold_id, bound.hold.held) == ("h2", 40)
    released_first, _ = forfeit(released_first, "h2", 40)
    released_first, _ = release(released_first, "h2", decided(Verdict.CONFIRMED, 40))

    assert confirmed_first.lots == released_first.lots
    assert confirmed_first.spendable == 100
    assert_lots_whole(confirmed_first)
    assert_lots_whole(released_first)


def test_a_claw_back_after_the_forfeit_counts_what_was_forfeited() -> None:
    now = held(wallet(lot(1, 100)), placed(1))
    now, _ = forfeit(now, "h1", 100)
    now, _ = release(now, "h1", decided(Verdict.CONFIRMED, 100))
    now, taken = claw_back(now, UUID(int=1), 100, Policy.DEFICIT)
    assert (taken.already_gone, taken.deficit, now.lots[UUID(int=1)].forfeited) == (100, 0, 0)
    assert_lots_whole(now)
