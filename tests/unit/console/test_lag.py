"""Badges, rates and ages from looks at offsets: what is known, and what is honestly unknown."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.readings.lag import (
    WINDOW,
    Badge,
    LagReading,
    Look,
    PlaceLag,
    appended_at,
    judge,
    rate,
    worst,
)

START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def looks(committed: Sequence[int | None], ends: Sequence[int]) -> list[Look]:
    return [
        Look(START + timedelta(seconds=place / 2), 0, end, offset)
        for place, (offset, end) in enumerate(zip(committed, ends, strict=True))
    ]


def steady(value: int, count: int = WINDOW) -> list[int]:
    return [value] * count


@pytest.mark.parametrize(
    ("committed", "ends", "alive", "expected"),
    [
        pytest.param([], [], True, Badge.UNKNOWN, id="nothing seen"),
        pytest.param([10], [10], True, Badge.OK, id="at the end, from the first look on"),
        pytest.param([None], [0], None, Badge.OK, id="nothing was ever there"),
        pytest.param([10], [11], True, Badge.UNKNOWN, id="one look at a lag"),
        pytest.param(steady(10), steady(11), True, Badge.STALLED, id="a member stands still"),
        pytest.param(steady(10), steady(11), False, Badge.STOPPED, id="nobody is there"),
        pytest.param(steady(10), steady(11), None, Badge.STOPPED, id="nobody is known to be there"),
        pytest.param([None] * WINDOW, steady(11), True, Badge.STALLED, id="never committed, with records waiting"),
        pytest.param(steady(10), range(30, 30 - WINDOW, -1), True, Badge.STALLED, id="an end that shrinks is no work"),
        pytest.param(range(WINDOW), range(20, 20 + WINDOW), True, Badge.WARNING, id="moves, the lag stays"),
        pytest.param(range(WINDOW), range(20, 20 + 2 * WINDOW, 2), True, Badge.WARNING, id="moves, the lag grows"),
        pytest.param(range(WINDOW), steady(90), True, Badge.OK, id="moves, the lag falls"),
        pytest.param(range(3), range(20, 23), True, Badge.OK, id="too early to warn"),
        pytest.param([10] * WINDOW, [10, *steady(50, WINDOW - 1)], True, Badge.OK, id="a zero lag in the window"),
        pytest.param([10, 5], [12, 12], True, Badge.REWIND, id="backwards"),
        pytest.param([10, 5, *steady(5, 9)], [10, *steady(10, 10)], True, Badge.REWIND, id="backwards from the end"),
        pytest.param([10, 5, 10], [10, 10, 10], True, Badge.OK, id="backwards, and back at the end"),
        pytest.param([10, None], [12, 12], True, Badge.REWIND, id="its offset was deleted"),
    ],
)
def test_badges(committed: Sequence[int | None], ends: Sequence[int], alive: bool | None, expected: Badge) -> None:
    assert judge(looks(list(committed), list(ends)), alive=alive) is expected


def test_only_the_window_counts() -> None:
    long_ago = [*range(100, 0, -1), *steady(1)]
    assert judge(looks(long_ago, steady(500, len(long_ago))), alive=True) is Badge.STALLED


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30), st.booleans())
def test_whoever_is_at_the_end_is_well(history: list[tuple[int, int]], alive: bool) -> None:
    committed = [offset for offset, _ in history]
    ends = [max(offset, end) for offset, end in history]
    ends[-1] = committed[-1]
    assert judge(looks(committed, ends), alive=alive) is Badge.OK


def test_what_retention_deleted_is_not_waiting() -> None:
    assert Look(START, 70, 100, 40).lag == 30
    assert Look(START, 70, 100, None).lag == 30
    assert Look(START, 0, 100, 120).lag == 0, "an offset beyond the end, after a topic was made anew"


def test_the_worst_badge_is_the_one_that_needs_somebody() -> None:
    assert worst([Badge.OK, Badge.STALLED, Badge.WARNING]) is Badge.STALLED
    assert worst([Badge.STALLED, Badge.STOPPED, Badge.REWIND]) is Badge.STOPPED
    assert worst([Badge.OK, Badge.OK]) is Badge.OK
    assert worst([]) is Badge.UNKNOWN


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_rates_are_of_the_last_five_seconds() -> None:
    points = [(at(second), 100 * second) for second in range(20)]
    assert rate(points, at(19)) == 100
    assert rate([*points, (at(25), 1900)], at(25)) == 0
    assert rate([(at(0), 0), (at(100), 0), (at(101), 50)], at(101)) == 10, "an unchanged end is kept as its two ends"


def test_a_rate_of_less_than_a_second_is_unknown_and_none_is_zero() -> None:
    assert rate([], at(0)) is None
    assert rate([(at(0), 5), (at(0.5), 900)], at(0.5)) is None
    assert rate([(at(0), 5), (at(1), 5)], at(1)) == 0
    assert rate([(at(0), 9), (at(2), 5)], at(2)) == 0, "going backwards is no speed"


def test_the_age_of_a_record_is_bounded_by_the_look_before_it() -> None:
    ends = [(at(0), 10), (at(1), 10), (at(2), 15), (at(3), 15)]
    assert appended_at(10, ends) == at(1)
    assert appended_at(14, ends) == at(1)
    assert appended_at(9, ends) is None, "it was there before the first look"
    assert appended_at(15, ends) is None, "it is not there yet"


def place(group: str = "earning", partition: int = 0, **known: object) -> PlaceLag:
    shown: dict[str, object] = {
        "end": 10,
        "committed": 5,
        "lag": 5,
        "lag_seconds": 3,
        "produced_per_second": 1.5,
        "consumed_per_second": 1.0,
        "last_commit_at": None,
        "trend": (1, 5),
        "badge": Badge.OK,
    }
    return PlaceLag(group=group, topic="pos.purchases.v1", partition=partition, **(shown | known))  # type: ignore[arg-type]


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    reading = LagReading(1, START, (place(), place(partition=1, lag=None, lag_seconds=None, badge=Badge.STALLED)))
    whole = reading.group("earning")
    assert (whole.lag, whole.lag_seconds, whole.badge) == (None, None, Badge.STALLED)
    assert (whole.produced_per_second, whole.trend) == (3.0, (2, 10))
    assert whole.last_commit_at is None
    assert whole.members is None


def test_groups_are_sorted_by_lag_and_sum_their_partitions() -> None:
    places = (place(), place(partition=1, lag=7, lag_seconds=60, trend=(7,)), place("redemption", lag=90))
    reading = LagReading(1, START, places, members={"earning": 2})
    assert [(one.group, one.lag) for one in reading.groups()] == [("redemption", 90), ("earning", 12)]
    whole = reading.edge("earning", "pos.purchases.v1")
    assert (whole.lag_seconds, whole.members, whole.trend) == (60, 2, (1, 12))
    assert reading.edge("earning", "points.grants.v1").lag is None, "nothing known of it"
