import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.cost import award_cost, cost_given_back


def test_an_award_s_cost_is_rounded_up_once() -> None:
    assert award_cost(500, 5, 1) == 2_500  # a 25-yuan fruit box
    assert award_cost(1, 1, 3) == 1
    assert award_cost(3, 1, 3) == 1
    assert award_cost(4, 1, 3) == 2
    assert award_cost(0, 5, 1) == 0


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_however_points_leave_their_cost_sums_to_the_whole(cost: int, leaving: list[int]) -> None:
    points, left, back = sum(leaving), 0, 0
    for some in leaving:
        part = cost_given_back(cost, points, left, some)
        assert part >= 0
        back += part
        left += some
    assert back == cost


def test_the_last_takes_what_remains() -> None:
    assert [cost_given_back(10, 3, left, 1) for left in range(3)] == [3, 3, 4]


def test_more_points_than_there_are_cannot_leave() -> None:
    with pytest.raises(ValueError, match="cannot leave"):
        cost_given_back(10, 3, 2, 2)
