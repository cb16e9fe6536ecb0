from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.programs.largest_remainder import largest_remainder

weights_above_zero = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any)


@given(st.integers(0, 10**12), weights_above_zero)
def test_parts_sum_to_the_whole_and_stay_within_one_of_the_exact_share(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(total * weight, sum(weights))
        assert exact - 1 < part < exact + 1
        if weight == 0:
            assert part == 0


@given(weights_above_zero, st.data())
def test_a_share_of_a_bill_never_exceeds_its_line(weights: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    assert all(part <= weight for part, weight in zip(largest_remainder(total, weights), weights, strict=True))


@given(st.integers(0, 10**6), st.lists(st.integers(1, 100), min_size=1, max_size=10), st.integers(1, 1000))
def test_scaling_all_weights_changes_nothing(total: int, weights: list[int], factor: int) -> None:
    scaled = [weight * factor for weight in weights]
    assert largest_remainder(total, scaled) == largest_remainder(total, weights)


def test_ties_go_to_the_earlier_line() -> None:
    assert largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert largest_remainder(2, [1, 1, 1]) == [1, 1, 0]
    assert largest_remainder(1, [1, 2, 2]) == [0, 1, 0]


def test_nothing_is_split_over_nothing() -> None:
    assert largest_remainder(0, []) == []
    assert largest_remainder(0, [0, 0]) == [0, 0]


@pytest.mark.parametrize(("total", "weights"), [(1, []), (1, [0, 0]), (-1, [1]), (1, [3, -1])])
def test_what_cannot_be_split_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        largest_remainder(total, weights)
