"""Tiers (points.md, Tiers): what counts, how long a tier is good, when a member rises or falls. By days, no clock.

A tier is a rank: 0 is none, 1 the lowest level. What counts are sums per business day, points or minor units.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from shared.programs.expiry import add_months
from shared.programs.tiers import Tiers

Count = Callable[[date], int]
"""The sum over the window that ends on a day, that day included."""
_DAY = timedelta(days=1)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class TierTerms:
    """What one program version says of tiers, from low to high."""

    part: Tiers
    ids: tuple[str, ...]
    thresholds: tuple[int, ...]
    _starts: dict[date, date] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rank_of(self, tier_id: str | None) -> int:
        """0 for no tier, and for one that this version has not."""
        return 0 if tier_id is None or tier_id not in self.ids else self.ids.index(tier_id) + 1

    def higher(self, tier_id: str | None, floor: str | None) -> str | None:
        """The higher of the tier that counts and a floor; a floor this version does not know holds nobody up."""
        return floor if self.rank_of(floor) > self.rank_of(tier_id) else tier_id

    def rank_at(self, counted: int) -> int:
        return bisect_right(self.thresholds, counted)

    def window_start(self, day: date) -> date:
        """The first day of the window that ends on `day`; remembered, for events come of the same few days."""
        start = self._starts.get(day)
        if start is None:
            start = self._starts[day] = self._window_start(day)
        return start

    def _window_start(self, day: date) -> date:
        window = self.part.window
        if window.rolling_days is not None:
            return day - timedelta(days=window.rolling_days - 1)
        if window.rolling_months is not None:
            return add_months(day, -window.rolling_months) + _DAY
        months = _MONTHS[window.calendar or "year"]
        return date(day.year, (day.month - 1) // months * months + 1, 1)

    def good_until(self, reached_on: date) -> date:
        """The last day on which a tier reached on that day is good."""
        validity = self.part.validity
        days = timedelta(days=validity.days or 0)
        last = reached_on + days if validity.days is not None else add_months(reached_on, validity.months or 0)
        return last.replace(day=monthrange(last.year, last.month)[1]) if validity.to_month_end else last


def tier_terms(part: Tiers) -> TierTerms:
    return TierTerms(
        part, tuple(level.tier_id for level in part.levels), tuple(level.threshold for level in part.levels)
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """A tier reached on a day and good until the end of another; `counted`: by its count, not by a fall in steps."""

    tier_id: str
    reached_on: date
    valid_until: date
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """The tier a member has is the last holding; those before it are what it rose from, for a refund to return to."""

    holdings: tuple[Holding, ...] = ()
    in_grace: bool = False

    @property
    def top(self) -> Holding | None:
        return self.holdings[-1] if self.holdings else None

    @property
    def tier_id(self) -> str | None:
        return self.holdings[-1].tier_id if self.holdings else None

    def due_on(self, terms: TierTerms) -> date | None:
        """The day at whose beginning its end is judged: after the last good day, or after the grace; None = never."""
        if not self.holdings:
            return None
        return self.holdings[-1].valid_until + (self._grace(terms) if self.in_grace else timedelta()) + _DAY

    @staticmethod
    def _grace(terms: TierTerms) -> timedelta:
        return timedelta(days=terms.part.grace_days)


NO_TIER = Standing()
Reason = Literal["qualified", "renewed", "validity_ended", "refunded", "floor"]


def at_its_end(standing: Standing, terms: TierTerms, count: Count) -> Standing:
    """What becomes of a standing whose `due_on` has begun. It is judged by its last day, before anything starts anew.

    Whoever still qualifies keeps the tier for another validity; else the grace begins, if there is one; at its end the
    member lands where the count qualifies, by either of the two last days, or one step down, if the program says so.
    """
    top = standing.top
    if top is None:
        return standing
    rank, last = terms.rank_of(top.tier_id), top.valid_until
    best = terms.rank_at(count(last))
    if standing.in_grace:
        last += timedelta(days=terms.part.grace_days)
        now = terms.rank_at(count(last))
        if 0 < rank <= now:
            return Standing((Holding(top.tier_id, last, terms.good_until(last)),))
        best = max(best, now)
    elif 0 < rank <= best:
        return Standing((Holding(top.tier_id, last, terms.good_until(last)),))
    elif terms.part.grace_days:
        return replace(standing, in_grace=True)
    lands = max(best, rank - 1) if terms.part.fall == "one_step" else best
    if lands == 0:
        return NO_TIER
    return Standing((Holding(terms.ids[lands - 1], last, terms.good_until(last), counted=lands <= best),))


def risen(standing: Standing, terms: TierTerms, day: date, count: Count) -> Standing:
    """After something was earned: a higher tier at once; who is in grace and qualifies again keeps the tier."""
    reached = terms.rank_at(count(day))
    top = standing.top
    rank = terms.rank_of(standing.tier_id)
    if reached > rank:
        return Standing((*standing.holdings, Holding(terms.ids[reached - 1], day, terms.good_until(day))))
    if top is not None and standing.in_grace and 0 < rank == reached:
        return Standing((*standing.holdings, Holding(top.tier_id, day, terms.good_until(day))))
    return standing


def without_what_came_back(standing: Standing, terms: TierTerms, today: date, count: Count) -> Standing:
    """After a refund: a tier that without it was never reached falls at once, without grace, unless it is reached now.

    What the member rose from comes back, if it was itself reached without what came back; where its end has come since,
    that is judged now, as it would have been: the member may be in its grace.
    """
    holdings = list(standing.holdings)
    now = terms.rank_at(count(today))
    while holdings and _is_lifted(holdings[-1], terms, now, count):
        holdings.pop()
    if len(holdings) == len(standing.holdings):
        return standing
    left = Standing(tuple(holdings))
    while (due_on := left.due_on(terms)) is not None and due_on <= today:
        left = at_its_end(left, terms, count)
    return risen(left, terms, today, count)


def _is_lifted(holding: Holding, terms: TierTerms, now: int, count: Count) -> bool:
    rank = terms.rank_of(holding.tier_id)
    return holding.counted and now < rank and terms.rank_at(count(holding.reached_on)) < rank
