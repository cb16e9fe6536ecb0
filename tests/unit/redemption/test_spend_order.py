"""Earliest expiry first, undated last, then oldest; one allocation per lot."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.redemption.domain.debit import InsufficientPointsError, debit
from services.redemption.domain.lot import LotState
from tests.unit.redemption.wallets import assert_lots_whole, lot, wallet


def test_a_debit_touches_the_earliest_expiry_first_and_undated_points_last() -> None:
    held = wallet(
        lot(1, 100, day=0),
        lot(2, 100, day=1, expires_day=40),
        lot(3, 100, day=2, expires_day=30),
        lot(4, 100, day=1, expires_day=30),
    )
    after, spent = debit(held, 350)
    assert [(share.lot_id.int, share.points) for share in spent.allocations] == [
        (4, 100),
        (3, 100),
        (2, 100),
        (1, 50),
    ]
    assert (spent.spendable_before, spent.spendable_after) == (400, 50)
    assert after.lots[UUID(int=1)].redeemed == 50
    assert_lots_whole(after)


def test_five_hundred_points_are_three_hundred_and_two_hundred() -> None:
    """C25's example: redeem 500 → [(lot 1, 300), (lot 2, 200)]."""
    _, spent = debit(wallet(lot(1, 300), lot(2, 400, day=1)), 500)
    assert [(share.lot_id.int, share.points) for share in spent.allocations] == [(1, 300), (2, 200)]


def test_pending_and_expired_points_cannot_be_spent() -> None:
    held = wallet(
        lot(1, 10),
        lot(2, 500, posted=LotState.PENDING, available_day=9),
        lot(3, 500, state=LotState.EXPIRED, expires_day=-1),
    )
    with pytest.raises(InsufficientPointsError) as refused:
        debit(held, 11)
    assert (refused.value.wanted, refused.value.spendable) == (11, 10)


def test_a_debit_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="positive"):
        debit(wallet(lot(1, 10)), 0)


lots = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 5), st.none() | st.integers(10, 15)), min_size=1, max_size=8
)


@given(lots, st.data())
def test_no_lot_pays_before_an_earlier_one_is_empty(
    drawn: list[tuple[int, int, int | None]], choice: st.DataObject
) -> None:
    held = wallet(*(lot(i + 1, points, day=day, expires_day=expiry) for i, (points, day, expiry) in enumerate(drawn)))
    points = choice.draw(st.integers(1, held.spendable))
    order = held.in_spend_order()
    after, spent = debit(held, points)
    assert_lots_whole(after)
    assert sum(share.points for share in spent.allocations) == points
    assert len({share.lot_id for share in spent.allocations}) == len(spent.allocations)
    untouched_seen = False
    for each in order:
        if untouched_seen:
            assert after.lots[each.lot_id].redeemed == 0
        untouched_seen = untouched_seen or after.lots[each.lot_id].remaining > 0
