"""Whether a reward costs more or goes (C21): its price on every kind of day and for every tier, old against new."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from shared.programs.changes.change import Change, Location, Verdict
from shared.programs.changes.judges import covers
from shared.programs.over import effective_on
from shared.programs.pack import ProgramPack
from shared.programs.prices import Price, SpecialPrice
from shared.programs.rewards import Reward


def price_changes(
    old: Reward, new: Reward | None, packs: tuple[ProgramPack, ProgramPack], path: tuple[str, ...], at: Location
) -> Iterator[Change]:
    """At most one change each of "price" and "available": the first day and tier for which it is worst."""
    before, after = packs
    kinds = _kinds_of_day(old, new)
    worst: dict[str, Change] = {}
    for day in _days(old, new, packs):
        for tier in _tiers(packs):
            for kind in kinds:
                was = price_on(old, before, day, tier, kind)
                now = price_on(new, after, day, tier, kind) if new is not None else None
                for change in _of_one(was, now, path, at, (day, tier, kind)):
                    kept = worst.setdefault(change.path[-1], change)
                    if _RANK[change.verdict] > _RANK[kept.verdict]:
                        worst[change.path[-1]] = change
    yield from worst.values()


_RANK: dict[Verdict, int] = {"neutral": 0, "better": 1, "undecided": 2, "worse": 3}


class DayKind(NamedTuple):
    """What a day may be beside its date: the member day, and a day of the lunar month that some price names."""

    member_day: bool = False
    lunar_day: int | None = None


_Whenever = tuple[date, str | None, DayKind]


def price_on(reward: Reward, pack: ProgramPack, day: date, tier: str | None, kind: DayKind) -> Price | None:
    """What one claim costs then: the price that holds with fewest points, then least money; None = no claim."""
    if not reward.enabled or (reward.available is not None and not covers(reward.available, day)):
        return None
    holding: list[Price] = [reward.price]
    holding += [price for price in reward.special_prices if _holds(price, pack, day, tier, kind)]
    return min(holding, key=lambda price: (price.points, price.money_minor))


def _holds(price: SpecialPrice, pack: ProgramPack, day: date, tier: str | None, kind: DayKind) -> bool:
    if price.period is not None and not covers(price.period, day):
        return False
    if price.season is not None:
        season = next(season for season in pack.seasons if season.season_id == price.season)
        if not any(covers(period, day) for period in season.periods):
            return False
    if price.member_day and not kind.member_day:
        return False
    if price.lunar_days is not None and kind.lunar_day not in price.lunar_days:
        return False
    return price.tiers is None or tier in price.tiers


def _of_one(
    was: Price | None, now: Price | None, path: tuple[str, ...], at: Location, when: _Whenever
) -> Iterator[Change]:
    if (was is None) != (now is None):
        verdict: Verdict = "better" if was is None else "worse"
        yield Change((*path, "available"), at, _told(was, when), _told(now, when), verdict)
    elif was is not None and now is not None and _costs(was) != _costs(now):
        dearer = now.points > was.points or now.money_minor > was.money_minor
        yield Change((*path, "price"), at, _told(was, when), _told(now, when), "worse" if dearer else "better")


def _costs(price: Price) -> tuple[int, int]:
    return price.points, price.money_minor


def _told(price: Price | None, when: _Whenever) -> str:
    if price is None:
        return ""
    day, tier, kind = when
    money = f" + {price.money_minor}" if price.money_minor else ""
    at = [str(day), *([tier] if tier is not None else []), *(["member_day"] if kind.member_day else [])]
    at += [f"lunar day {kind.lunar_day}"] if kind.lunar_day is not None else []
    return f"{price.points}{money} ({', '.join(at)})"


def _kinds_of_day(*rewards: Reward | None) -> list[DayKind]:
    prices = [price for reward in rewards if reward is not None for price in reward.special_prices]
    named = sorted({day for price in prices for day in price.lunar_days or ()})
    return [DayKind(member_day, day) for day in (None, *named) for member_day in (False, True)]


def _tiers(packs: Iterable[ProgramPack]) -> list[str | None]:
    found: dict[str | None, None] = {None: None}
    for pack in packs:
        found.update({level.tier_id: None for level in (pack.tiers.levels if pack.tiers is not None else ())})
    return list(found)


def _days(old: Reward, new: Reward | None, packs: tuple[ProgramPack, ProgramPack]) -> list[date]:
    """The first day of the new version, and every later day on which some price or period begins or ends."""
    first = effective_on(packs[1])
    edges = {first}
    for reward in (old, new):
        if reward is None:
            continue
        periods = [reward.available, *(price.period for price in reward.special_prices)]
        edges |= {edge for period in periods if period is not None for edge in (period.from_, period.to)}
    for pack in packs:
        edges |= {edge for season in pack.seasons for period in season.periods for edge in (period.from_, period.to)}
    return sorted(edge for edge in edges if edge >= first)
