"""Windows: a repeat changes nothing, order changes nothing, old things go, a hot key stays small."""

from random import Random

from hypothesis import given
from hypothesis import strategies as some

from services.fraud_monitoring.domain.limits import MINUTE, Limit
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import ROOM, Window, add, period, stretches
from tests.unit.fraud_monitoring.sights import MORNING, OLDEST, seen

LIMIT = Limit(window_minutes=60, step_minutes=10, threshold=3)

events = some.lists(some.tuples(some.integers(0, 20), some.integers(-90, 90)), max_size=30).map(
    lambda drawn: [seen(f"e{number}", minute) for number, minute in dict(drawn).items()]
)


def filled(things: list[Seen]) -> Window:
    window: Window = {}
    for thing in things:
        window = add(window, thing, LIMIT, OLDEST)
    return window


@given(events, some.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(things: list[Seen], chance: Random) -> None:
    shuffled = things * 2
    chance.shuffle(shuffled)
    assert filled(shuffled) == filled(things)


@given(events)
def test_every_burst_within_a_window_lies_in_some_stretch(things: list[Seen]) -> None:
    """Three things within 50 minutes are always seen together, wherever the steps' boundaries fall."""
    window = filled(things)
    for first in things:
        near = {other.identity for other in things if first.at <= other.at <= first.at + 50 * MINUTE}
        last = max((other for other in things if other.identity in near), key=lambda other: other.at)
        assert any(near <= {s.identity for s in stretch.seen} for stretch in stretches(window, last.at, LIMIT))


def test_a_stretch_is_no_longer_than_its_window() -> None:
    window = filled([seen("a", 0), seen("b", 59), seen("c", 60)])
    assert [{s.identity for s in stretch.seen} for stretch in stretches(window, MORNING, LIMIT)] == [{"a"}, {"a", "b"}]


def test_what_is_too_old_goes_and_does_not_come() -> None:
    window = add({}, seen("old", -600), LIMIT, OLDEST)
    now = MORNING - 60 * MINUTE
    assert not add(add(window, seen("new"), LIMIT, now), seen("late", -300), LIMIT, now).keys() - {
        MORNING // LIMIT.step
    }


def test_a_hot_key_keeps_its_newest_steps() -> None:
    window = filled([seen(f"e{number}", number // 4 * 10) for number in range(2 * ROOM)])
    assert sum(map(len, window.values())) <= ROOM
    assert max(window) == (MORNING + (2 * ROOM - 1) // 4 * 10 * MINUTE) // LIMIT.step
    assert len(filled([seen(f"e{number}") for number in range(2 * ROOM)])[MORNING // LIMIT.step]) == ROOM


def test_one_period_is_as_long_as_the_window() -> None:
    window = filled([seen("a", 0), seen("b", 30), seen("c", 60)])
    ends = [stretch for minute in (0, 60) for stretch in stretches(window, MORNING + minute * MINUTE, LIMIT)]
    assert sorted({period(stretch, LIMIT) for stretch in ends}) == [
        MORNING // (60 * MINUTE),
        MORNING // (60 * MINUTE) + 1,
    ]
