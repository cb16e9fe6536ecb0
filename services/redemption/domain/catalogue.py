"""What a program offers at one moment: its rewards and what each costs (design: "Redemption"; M28, M42, M47).

Nobody's own circumstances but the tier have a say in a price (C24).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.calendar.chinese import calendar_with
from shared.calendar.day_facts import DayFacts
from shared.programs.day_pattern import falls_on
from shared.programs.days import Period
from shared.programs.expiry import business_day
from shared.programs.pack import ProgramPack
from shared.programs.prices import Price, SpecialPrice
from shared.programs.rewards import AnyReward


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of a program at the instant `at`; `day` is that instant's calendar day in the program's time zone."""

    pack: ProgramPack
    at: datetime
    zone: ZoneInfo
    day: DayFacts
    is_member_day: bool
    seasons: frozenset[str]  # those of the day
    rewards: Mapping[str, AnyReward]

    @property
    def version(self) -> int:
        return self.pack.version

    @property
    def today(self) -> date:
        return self.day.day

    def is_offered(self, reward: AnyReward, day: date | None = None) -> bool:
        """Whether it can be claimed today, or on `day`, by whoever fulfils its conditions."""
        return reward.enabled and (reward.available is None or covers(reward.available, day or self.today))

    def price(self, reward: AnyReward, tier: str | None) -> Price:
        """What one claim costs: of the prices that hold, the one with the fewest points, then the least money."""
        holding = [price for price in reward.special_prices if self._holds(price, tier)]
        return min((reward.price, *holding), key=lambda price: (price.points, price.money_minor))

    def _holds(self, price: SpecialPrice, tier: str | None) -> bool:
        return (
            (price.period is None or covers(price.period, self.today))
            and (price.season is None or price.season in self.seasons)
            and (not price.member_day or self.is_member_day)
            and (price.lunar_days is None or self.day.lunar.day in price.lunar_days)
            and (price.tiers is None or tier in price.tiers)
        )


def day_at(pack: ProgramPack, at: datetime) -> DayFacts:
    """The calendar day of an instant in the program's time zone.

    Raises CalendarYearUnpublishedError for a day without lunar date: before 1951 or after 2056.
    """
    return calendar_with(pack.calendar.overrides()).day(business_day(at, ZoneInfo(pack.time_zone)))


def catalogue_at(pack: ProgramPack, at: datetime) -> Catalogue:
    """Raises CalendarYearUnpublishedError, as `day_at`."""
    day = day_at(pack, at)
    return Catalogue(
        pack=pack,
        at=at,
        zone=ZoneInfo(pack.time_zone),
        day=day,
        is_member_day=pack.member_day is not None and falls_on(pack.member_day)(day),
        seasons=frozenset(
            season.season_id for season in pack.seasons if any(covers(period, day.day) for period in season.periods)
        ),
        rewards={reward.reward_id: reward for reward in pack.rewards},
    )


def early_view_days(pack: ProgramPack, tier: str | None) -> int:
    """How many days earlier than others members of the tier see what is new."""
    levels = pack.tiers.levels if pack.tiers is not None else ()
    return next((level.early_view_days for level in levels if level.tier_id == tier), 0)


def coming_on(catalogue: Catalogue, reward: AnyReward, tier: str | None) -> date | None:
    """The first day of a reward that cannot be claimed yet but is seen by the tier; None for any other."""
    seen_until = catalogue.today + timedelta(days=early_view_days(catalogue.pack, tier))
    if not reward.enabled or reward.available is None:
        return None
    first = reward.available.from_
    return first if catalogue.today < first <= seen_until else None


def covers(period: Period, day: date) -> bool:
    return period.from_ <= day < period.to
