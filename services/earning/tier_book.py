"""Members' tiers as the desk of a batch holds them: as loaded, changed by each decision, saved at the end."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from services.earning.domain.tiers import NO_TIER, Reason, Standing

Member = tuple[str, str]
Counted = Literal["points", "money"]


class Progress(NamedTuple):
    """What a member earned and spent on one business day, less what came back of it; money in minor units."""

    points: int = 0
    money_minor: int = 0

    def plus(self, points: int, money_minor: int) -> "Progress":
        return Progress(self.points + points, self.money_minor + money_minor)


class Added(NamedTuple):
    """What an event added to a day, or took off it."""

    day: date
    points: int
    money_minor: int


class TierChange(NamedTuple):
    """One line of a member's history: the tier from `effective_at` on. `place` counts from 1."""

    change_id: UUID
    place: int
    effective_at: datetime
    tier_before: str | None
    tier_after: str | None
    reason: Reason
    counter: int
    valid_until: datetime | None


class TierFloor(NamedTuple):
    """The lowest tier the member may have, from `since` on; two operators agreed on it."""

    tier_id: str
    since: datetime


class TierEntry(msgspec.Struct):
    """A member's standing by what counts, its floor, what counted per day, and when the tier changed.

    `history` is (instant, tier from then on), in order. `moved` is what this batch added to days. Of the event at hand:
    `touched` are the days it earned on, `lowered` says that it took something back, `added` is all it did to days.
    `sums` are those of windows asked for before.
    """

    standing: Standing = NO_TIER
    floor: TierFloor | None = None
    due_at: datetime | None = None
    days: dict[date, Progress] = msgspec.field(default_factory=dict)
    history: list[tuple[datetime, str | None]] = msgspec.field(default_factory=list)
    moved: dict[date, Progress] = msgspec.field(default_factory=dict)
    changes: list[TierChange] = msgspec.field(default_factory=list)
    touched: set[date] = msgspec.field(default_factory=set)
    lowered: bool = False
    added: list[Added] = msgspec.field(default_factory=list)
    changed: bool = False
    latest: date = date.min  # that anything is known of
    sums: dict[tuple[date, date], Progress] = msgspec.field(default_factory=dict)

    @property
    def tier_id(self) -> str | None:
        """What was told last."""
        return self.history[-1][1] if self.history else None

    @property
    def has_none(self) -> bool:
        """No tier now or ever before, and no floor."""
        return not self.history and self.floor is None and not self.standing.holdings

    def add(self, day: date, points: int, money_minor: int) -> None:
        self.latest = max(self.latest, day)
        self.added.append(Added(day, points, money_minor))
        for span, known in self.sums.items():
            if span[0] <= day <= span[1]:
                self.sums[span] = known.plus(points, money_minor)
        added = Progress(points, money_minor)
        for progress in (self.days, self.moved):
            before = progress.get(day)
            progress[day] = added if before is None else before.plus(points, money_minor)
        if points > 0 or money_minor > 0:
            self.touched.add(day)
        if points < 0 or money_minor < 0:
            self.lowered = True

    def at_most(self, what: Counted) -> int:
        """No window holds more: the sum of the days on which more was earned than came back."""
        place, most = 0 if what == "points" else 1, 0
        for progress in self.days.values():
            if progress[place] > 0:
                most += progress[place]
        return most

    def sum(self, what: Counted, first: date, last: date) -> int:
        """Of the days from `first` to `last`, both inside."""
        known = self.sums.get((first, last))
        if known is None:
            points = money_minor = 0
            for day, progress in self.days.items():
                if first <= day <= last:
                    points += progress[0]
                    money_minor += progress[1]
            known = self.sums[first, last] = Progress(points, money_minor)
        return known.points if what == "points" else known.money_minor


@dataclass(slots=True)
class TierBook:
    """`loaded` are the members that were looked up; None = all there are. `moved`: those the event at hand moved."""

    loaded: AbstractSet[Member] | None = None
    entries: dict[Member, TierEntry] = field(default_factory=dict)
    moved: set[Member] = field(default_factory=set)

    def of(self, member: Member) -> TierEntry:
        """Raises LookupError for a member the load did not look up: no tier would be a guess."""
        entry = self.entries.get(member)
        if entry is None:
            if self.loaded is not None and member not in self.loaded:
                raise LookupError(f"the tier of {'/'.join(member)} was not loaded with the batch")
            entry = self.entries[member] = TierEntry()
        return entry
