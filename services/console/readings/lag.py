"""How far each consumer group is behind, computed from looks at Kafka's offsets. Pure: no I/O, no clock.

None always means "not known"; 0 is a measured zero. Rates and seconds are shown to people and enter no books.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

WINDOW = 20  # looks that a badge judges: ten seconds of them, where Burrow judges ten commits
RATE_SECONDS = 5

Number = TypeVar("Number", int, float)


class Badge(StrEnum):
    """A group's health on one partition, from its last looks."""

    OK = "ok"
    WARNING = "warning"  # it works, and the lag never falls
    STALLED = "stalled"  # it is there, and its offset stands still
    STOPPED = "stopped"  # nobody has committed for the whole window
    REWIND = "rewind"  # its offset went backwards
    UNKNOWN = "unknown"  # too little was seen to say


_BY_SEVERITY = (Badge.OK, Badge.UNKNOWN, Badge.WARNING, Badge.REWIND, Badge.STALLED, Badge.STOPPED)


def worst(badges: Iterable[Badge]) -> Badge:
    """The badge of the whole; of nothing, unknown."""
    return max(badges, key=_BY_SEVERITY.index, default=Badge.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of one partition for one group. `begin` is where its log begins, `end` where the next record goes.

    `committed` is the group's next offset; None when it has never committed one.
    """

    at: datetime
    begin: int
    end: int
    committed: int | None

    @property
    def lag(self) -> int:
        """Records not handled; what retention has deleted meanwhile is not waiting any more."""
        return max(self.end - max(self.committed or 0, self.begin), 0)


def judge(looks: Sequence[Look], *, alive: bool | None) -> Badge:
    """Burrow's rules over the last `WINDOW` looks, the oldest first.

    Kafka tells no time of a commit, so a commit is seen when the offset has moved. An offset that stood still for the
    whole window with records waiting is stalled while the group has a member (`alive`), else stopped. Other than in
    Burrow a rewind counts before a zero lag: one that starts at the end of the log would never be seen.
    """
    window = looks[-WINDOW:]
    if not window:
        return Badge.UNKNOWN
    lags = [look.lag for look in window]
    offsets = [look.committed or 0 for look in window]
    if lags[-1] == 0:
        return Badge.OK
    if any(later < earlier for earlier, later in pairwise(offsets)):
        return Badge.REWIND
    if len(set(offsets)) == 1 and 0 not in lags:
        return _standing_still(lags, alive)
    never_falls = len(lags) == WINDOW and all(later >= earlier for earlier, later in pairwise(lags))
    return Badge.WARNING if never_falls and 0 not in lags else Badge.OK


def _standing_still(lags: Sequence[int], alive: bool | None) -> Badge:
    if len(lags) < WINDOW:
        return Badge.UNKNOWN
    return Badge.STALLED if alive else Badge.STOPPED


@dataclass(frozen=True, slots=True)
class PlaceLag:
    """One group on one partition. `lag_seconds` is the age of the oldest record it has not handled.

    `last_commit_at` is None until its offset was seen moving; `trend` holds its lags, the oldest first.
    """

    group: str
    topic: str
    partition: int
    end: int | None
    committed: int | None
    lag: int | None
    lag_seconds: int | None
    produced_per_second: float | None
    consumed_per_second: float | None
    last_commit_at: datetime | None
    trend: tuple[int, ...]
    badge: Badge


@dataclass(frozen=True, slots=True)
class GroupLag:
    """The same over several partitions: sums, the oldest record, the latest commit, the worst badge."""

    group: str
    lag: int | None
    lag_seconds: int | None
    produced_per_second: float | None
    consumed_per_second: float | None
    last_commit_at: datetime | None
    trend: tuple[int, ...]
    badge: Badge
    members: int | None


@dataclass(frozen=True, slots=True)
class TopicFlow:
    """How many records a topic took in so far, and how fast."""

    topic: str
    end: int
    produced_per_second: float | None


@dataclass(frozen=True, slots=True)
class LagReading:
    """One look at everything. When Kafka cannot be read `error` says so, and the places are the last known ones.

    `logs` are all partitions of all topics: (topic, partition) → where its log begins, and where the next record goes.
    """

    number: int
    at: datetime
    places: tuple[PlaceLag, ...] = ()
    topics: Mapping[str, TopicFlow] = field(default_factory=dict)
    members: Mapping[str, int | None] = field(default_factory=dict)
    logs: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    error: str | None = None

    def group(self, name: str) -> GroupLag:
        """A whole consumer group."""
        return summed(name, [place for place in self.places if place.group == name], self.members.get(name))

    def edge(self, group: str, topic: str) -> GroupLag:
        """A group on one topic."""
        places = [place for place in self.places if place.group == group and place.topic == topic]
        return summed(group, places, self.members.get(group))

    def edges(self) -> dict[tuple[str, str], list[PlaceLag]]:
        """The partitions of each (group, topic)."""
        found: dict[tuple[str, str], list[PlaceLag]] = {}
        for place in self.places:
            found.setdefault((place.group, place.topic), []).append(place)
        return found

    def groups(self) -> list[GroupLag]:
        """Every group, the furthest behind first."""
        names = dict.fromkeys(place.group for place in self.places)
        return sorted(map(self.group, names), key=lambda one: (-(one.lag or 0), one.group))


def summed(group: str, places: Sequence[PlaceLag], members: int | None) -> GroupLag:
    """Several partitions as one; a sum with an unknown part is unknown."""
    commits = [place.last_commit_at for place in places if place.last_commit_at is not None]
    ages = [place.lag_seconds for place in places]
    return GroupLag(
        group=group,
        lag=_total([place.lag for place in places]),
        lag_seconds=None if not ages or None in ages else max(age for age in ages if age is not None),
        produced_per_second=_total([place.produced_per_second for place in places]),
        consumed_per_second=_total([place.consumed_per_second for place in places]),
        last_commit_at=max(commits, default=None),
        trend=_added([place.trend for place in places]),
        badge=worst(place.badge for place in places),
        members=members,
    )


def rate(points: Iterable[tuple[datetime, int]], at: datetime) -> float | None:
    """Steps per second over the `RATE_SECONDS` before `at`, from (instant, offset), the oldest first, ending at `at`.

    An offset holds until the next instant. None while less than a second was seen.
    """
    start = at - timedelta(seconds=RATE_SECONDS)
    since, low, high = None, 0, 0
    for when, offset in points:
        if since is None or when <= start:
            since, low = max(when, start), offset
        high = offset
    seconds = 0.0 if since is None else (at - since).total_seconds()
    return max(high - low, 0) / seconds if seconds >= 1 else None


def appended_at(offset: int, ends: Iterable[tuple[datetime, int]]) -> datetime | None:
    """When the record at `offset` was appended, from (instant, end offset) seen before and after; the earlier bound.

    None when it was there already at the first look, or is not there yet.
    """
    for (before, low), (_, high) in pairwise(ends):
        if low <= offset < high:
            return before
    return None


def _total(parts: Sequence[Number | None]) -> Number | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _added(trends: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Trends end together: the sum of as many steps as the longest has."""
    length = max(map(len, trends), default=0)
    padded = [(0,) * (length - len(trend)) + trend for trend in trends]
    return tuple(map(sum, zip(*padded, strict=True)))
