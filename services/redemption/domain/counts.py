"""What runs out: stock in all or per period, the slots of a booking, the entries of a draw. Counted in units."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from shared.programs.prices import LimitPeriod, Stock
from shared.programs.rewards import AnyReward, EventEntry, ServiceBooking, Upgrade

_EVER = date(1900, 1, 1)


class Count(NamedTuple):
    """Of one reward at most `allowed` units may be claimed on the `line` of its stock within the `period`.

    A line is known by its kind and, where it is narrowed to dates, by the first of them: so a version that changes
    how many there are, or until when, goes on counting.
    """

    reward_id: str
    line: str
    period: str
    allowed: int


def stock_counts(reward: AnyReward, day: date) -> tuple[Count, ...]:
    """What a claim on `day` counts on, whatever slot it names; two lines of one name are one, the smaller."""
    found = list(_lines(reward, day))
    if isinstance(reward, EventEntry) and reward.draw is not None:
        found.append(Count(reward.reward_id, "entries", "", reward.draw.entries))
    return smallest(found)


def slot_count(reward: AnyReward, slot: str) -> Count | None:
    """The capacity of a slot; None for a reward that is no booking."""
    if isinstance(reward, ServiceBooking | Upgrade):
        return Count(reward.reward_id, "slot", slot, reward.booking.capacity)
    return None


def smallest(counts: Iterable[Count]) -> tuple[Count, ...]:
    """Each line and period once, with the fewest units that any of them allows; sorted, as their rows are locked."""
    kept: dict[tuple[str, str, str], Count] = {}
    for count in counts:
        known = kept.get(count[:3])
        if known is None or count.allowed < known.allowed:
            kept[count[:3]] = count
    return tuple(kept[name] for name in sorted(kept))


def period_start(day: date, per: LimitPeriod) -> date:
    """The first day of the period that `day` lies in; weeks begin on Monday, a lifetime in 1900."""
    match per:
        case "order" | "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
    return _EVER


def _lines(reward: AnyReward, day: date) -> Iterator[Count]:
    for stock in reward.stock:
        if stock.period is None or stock.period.from_ <= day < stock.period.to:
            within = "" if stock.per == "total" else period_start(day, stock.per).isoformat()
            yield Count(reward.reward_id, _name(stock), within, stock.units)


def _name(stock: Stock) -> str:
    return stock.per if stock.period is None else f"{stock.per} from {stock.period.from_}"
