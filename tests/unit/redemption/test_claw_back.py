"""A refund takes back what it can and owns up to the rest (C19)."""

from uuid import UUID

import pytest

from services.redemption.domain.claw_back import ClawBackRefusedError, Policy, claw_back
from services.redemption.domain.debit import debit
from services.redemption.domain.expiry import expire
from services.redemption.domain.lot import Account, LotState
from services.redemption.domain.maturity import mature
from services.redemption.domain.reservation import let_go, reserve
from services.redemption.domain.wallet import open_lot, set_off
from tests.unit.redemption.wallets import assert_lots_whole, lot, wallet

FIRST = UUID(int=1)


def test_three_hundred_earned_and_two_hundred_and_fifty_spent_leaves_a_deficit_that_the_next_grant_repays() -> None:
    held, _ = debit(wallet(lot(1, 300)), 250)
    held, taken = claw_back(held, FIRST, 300, Policy.DEFICIT)
    assert (taken.taken, taken.deficit, held.deficit, held.spendable) == (50, 250, 250, 0)

    held = open_lot(held, lot(2, 400, day=1))
    held, repaid = set_off(held)
    assert repaid is not None
    assert (repaid.points, repaid.deficit_before, repaid.deficit_after) == (250, 250, 0)
    assert (held.deficit, held.spendable) == (0, 150)
    assert_lots_whole(held)


def test_a_pending_grant_repays_the_deficit_only_when_it_matures() -> None:
    held = wallet(lot(2, 400, posted=LotState.PENDING, available_day=7), deficit=250)
    assert set_off(held) == (held, None)
    due = held.lots[UUID(int=2)]._replace(state=LotState.AVAILABLE)
    held, (matured,) = mature(held.with_lots((due,)))
    assert matured.points == 400
    assert matured.set_off is not None
    assert matured.set_off.points == 250
    assert (held.deficit, held.spendable) == (0, 150)


def test_pending_points_go_first_and_from_their_own_account() -> None:
    held = wallet(lot(1, 128, posted=LotState.PENDING, available_day=7), lot(2, 50))
    held, taken = claw_back(held, FIRST, 28, Policy.DEFICIT)
    assert (taken.taken, taken.taken_from) == (28, Account.PENDING)
    assert held.lots[FIRST].remaining == 100
    assert held.spendable == 50


def test_spent_points_are_taken_from_the_other_lots_in_spend_order() -> None:
    held, _ = debit(wallet(lot(1, 100, expires_day=5), lot(2, 60, expires_day=90), lot(3, 60, expires_day=30)), 100)
    held, taken = claw_back(held, FIRST, 100, Policy.DEFICIT)
    assert [(share.lot_id.int, share.points) for share in taken.others] == [(3, 60), (2, 40)]
    assert (taken.taken, taken.deficit, held.spendable) == (0, 0, 20)
    assert_lots_whole(held)


def test_within_balance_waives_what_is_short() -> None:
    held, _ = debit(wallet(lot(1, 100), lot(2, 30, day=1)), 100)
    held, taken = claw_back(held, FIRST, 100, Policy.WITHIN_BALANCE)
    assert (taken.set_off, taken.waived, taken.deficit, held.waived, held.deficit) == (30, 70, 0, 70, 0)


@pytest.mark.parametrize(("posted", "taken_points"), [(LotState.PENDING, 40), (LotState.AVAILABLE, 0)])
def test_only_pending_takes_nothing_of_a_lot_that_is_available(posted: LotState, taken_points: int) -> None:
    held, taken = claw_back(wallet(lot(1, 100, posted=posted), lot(2, 500)), FIRST, 40, Policy.ONLY_PENDING)
    assert (taken.taken, taken.waived) == (taken_points, 40 - taken_points)
    assert held.lots[UUID(int=2)].remaining == 500
    assert held.deficit == 0


def test_points_that_expired_or_were_forfeited_count_as_taken() -> None:
    gone = lot(1, 100)._replace(remaining=0, expired=30, forfeited=20, redeemed=50)
    held, taken = claw_back(wallet(gone), FIRST, 60, Policy.DEFICIT)
    assert (taken.already_gone, taken.deficit) == (50, 10)
    assert [(m.from_account, m.points) for m in taken.movements] == [
        (Account.EXPIRED, 30),
        (Account.FORFEITED, 20),
        (Account.DEFICIT, 10),
    ]
    assert_lots_whole(held)


def test_what_expires_again_after_a_claw_back_took_the_expired_points_is_another_expiry() -> None:
    """A reservation outlives the lot: 70 expire, the refund takes those, 30 come back and expire in their turn."""
    now, reserved = reserve(wallet(lot(1, 100, expires_day=1)), 30)
    now = now.with_lots((now.lots[UUID(int=1)]._replace(state=LotState.EXPIRED),))
    now, (first,) = expire(now)
    now, _ = claw_back(now, UUID(int=1), 100, Policy.DEFICIT)
    now, _ = let_go(now, reserved.allocations)
    _, (second,) = expire(now)
    assert (first.points, second.points) == (70, 30)
    assert first.gone_before < second.gone_before, "the event's id and the posting's key follow from it"


def test_a_grant_is_never_clawed_back_beyond_its_points() -> None:
    held, _ = claw_back(wallet(lot(1, 100)), FIRST, 70, Policy.DEFICIT)
    with pytest.raises(ClawBackRefusedError, match="30 points that were not yet clawed back"):
        claw_back(held, FIRST, 31, Policy.DEFICIT)


def test_a_grant_of_another_wallet_is_refused_with_what_to_do() -> None:
    with pytest.raises(ClawBackRefusedError, match="replay"):
        claw_back(wallet(lot(1, 100)), UUID(int=9), 10, Policy.DEFICIT)
