"""What has ended before a version takes effect: it judges nothing and is offered to nobody."""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from shared.programs.days import Period
from shared.programs.expiry import business_day
from shared.programs.pack import ProgramPack
from shared.programs.prices import SpecialPrice
from shared.programs.rewards import Reward
from shared.programs.rules import OccasionRule, ReceiptRule, Rule


def effective_on(pack: ProgramPack) -> date:
    """The calendar date, in the program's time zone, on which the version takes effect."""
    return business_day(pack.effective_at, ZoneInfo(pack.time_zone))


def dates_of(rule: Rule) -> tuple[Period, ...] | None:
    """The dates a rule names; None = any."""
    when = rule.when if isinstance(rule, ReceiptRule | OccasionRule) else None
    return None if when is None else when.dates


def rule_is_over(rule: Rule, pack: ProgramPack) -> bool:
    dates = dates_of(rule)
    return dates is not None and _over(dates, pack)


def reward_is_over(reward: Reward, pack: ProgramPack) -> bool:
    return reward.available is not None and _over((reward.available,), pack)


def price_is_over(price: SpecialPrice, pack: ProgramPack) -> bool:
    if price.period is not None:
        return _over((price.period,), pack)
    season = next((season for season in pack.seasons if season.season_id == price.season), None)
    return season is not None and _over(season.periods, pack)


def _over(periods: Iterable[Period], pack: ProgramPack) -> bool:
    first = effective_on(pack)
    return all(period.to <= first for period in periods)
