"""Windows that a repeated event leaves as they are: per step of business time, what was seen by its identity.

A bare counter would count an event twice after a crash, for a table's changelog runs ahead of the consumer's offset.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from services.fraud_monitoring.domain.limits import Limit
from services.fraud_monitoring.domain.seen import Seen

Window: TypeAlias = dict[int, dict[str, Seen]]  # step number → identity → seen
ROOM = 256  # of each key: a hot one must not make every write as large as all it ever did


class Stretch(NamedTuple):
    """A window that ends with step `end`: its bounds in microseconds, and what lies in it by business time."""

    end: int
    start_at: int
    end_at: int
    seen: tuple[Seen, ...]


def add(window: Window, seen: Seen, limit: Limit, oldest: int) -> Window:
    """The window with one more thing in it, without the steps that ended before `oldest` (microseconds).

    What was there under this identity stays. Above ROOM the oldest steps go; one full step takes nothing more.
    """
    first = oldest // limit.step
    step = seen.at // limit.step
    kept = {number: things for number, things in window.items() if number >= first}
    if step < first:
        return kept
    things = kept.get(step, {})
    if seen.identity not in things and len(things) < ROOM:
        kept[step] = {**things, seen.identity: seen}
    while len(kept) > 1 and sum(map(len, kept.values())) > ROOM:
        del kept[min(kept)]
    return kept


def stretches(window: Window, at: int, limit: Limit) -> Iterator[Stretch]:
    """Every window that holds the instant `at` and ends with a step in which something was seen.

    So a burst is found across any boundary, and whatever the order in which its events come.
    """
    step = at // limit.step
    for end in range(step, step + limit.steps):
        if end in window:
            numbers = range(end - limit.steps + 1, end + 1)
            seen = sorted(
                (thing for number in numbers for thing in window.get(number, {}).values()),
                key=lambda thing: (thing.at, thing.identity),
            )
            yield Stretch(end, numbers[0] * limit.step, (end + 1) * limit.step, tuple(seen))


def period(stretch: Stretch, limit: Limit) -> int:
    """The fixed period a window belongs to: within one period a rule accuses the same key once."""
    return stretch.end // limit.steps
