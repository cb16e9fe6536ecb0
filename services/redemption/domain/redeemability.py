"""Whether points can be redeemed (M45): what is in stock today, and how many points reach any of it, by tier.

A published figure must not flatter: rewards that ask for a purchase or for points earned so far are left out, and a
member's balance counts only if it reaches something.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.redemption.domain.catalogue import Catalogue
from services.redemption.domain.claims import is_over, slot_time
from services.redemption.domain.counts import Count, slot_count, stock_counts
from services.redemption.domain.offers import units_left
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.settlement import owed
from shared.programs.rewards import AnyReward, ServiceBooking, Upgrade

BOOKABLE_DAYS = 7  # a booking is in stock if any slot of so many days, today first, is free


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is offered today, and what of it is out of stock."""

    catalogue: Catalogue
    offered: tuple[AnyReward, ...]
    out_of_stock: frozenset[str]

    def least_points(self, tier: str | None) -> int | None:
        """The smallest balance with which a member of the tier can have something today; None if with none."""
        found = [
            max(self.catalogue.price(reward, tier).points, reward.eligibility.balance_at_least or 0)
            for reward in self.offered
            if reward.reward_id not in self.out_of_stock and _is_for(reward, tier)
        ]
        payment = self.catalogue.pack.point_payment
        if payment is not None:  # a part of any bill
            found.append(max(payment.step, payment.minimum_points))
        return min(found, default=None)


def offered_today(catalogue: Catalogue) -> tuple[AnyReward, ...]:
    """Rewards that can be claimed today; one whose partner has no contract cannot, nor one that is recalled."""
    return tuple(
        reward
        for reward in catalogue.rewards.values()
        if catalogue.is_offered(reward) and not _is_recalled(reward) and _is_contracted(catalogue, reward)
    )


def counted(catalogue: Catalogue, rewards: Iterable[AnyReward]) -> list[Count]:
    """All counts that say whether these rewards are in stock."""
    return [
        count
        for reward in rewards
        for count in (*stock_counts(reward, catalogue.today), *_slot_counts(catalogue, reward))
    ]


def shelf(catalogue: Catalogue, rewards: tuple[AnyReward, ...], taken: Mapping[Count, int]) -> Shelf:
    """`taken`: units of each of `counted`."""
    gone = frozenset(reward.reward_id for reward in rewards if _is_gone(catalogue, reward, taken))
    return Shelf(catalogue, rewards, gone)


def _is_gone(catalogue: Catalogue, reward: AnyReward, taken: Mapping[Count, int]) -> bool:
    if units_left(catalogue, reward, taken) == 0:
        return True
    if not isinstance(reward, ServiceBooking | Upgrade):
        return False
    return all(taken.get(count, 0) >= count.allowed for count in _slot_counts(catalogue, reward))


def _slot_counts(catalogue: Catalogue, reward: AnyReward) -> Iterator[Count]:
    if not isinstance(reward, ServiceBooking | Upgrade):
        return
    for place in range(BOOKABLE_DAYS):
        day = (catalogue.today + timedelta(days=place)).isoformat()
        for slot in [f"{day}T{hour}" for hour in reward.booking.slots] or [day]:
            when, count = slot_time(catalogue, reward, slot), slot_count(reward, slot)
            if when is not None and count is not None and not is_over(catalogue, when):
                yield count


def _is_for(reward: AnyReward, tier: str | None) -> bool:
    asked = reward.eligibility
    open_to_all = asked.lifetime_at_least is None and asked.purchased is None
    return open_to_all and (asked.tiers is None or tier in asked.tiers)


def _is_recalled(reward: AnyReward) -> bool:
    return reward.quality is not None and reward.quality.recalled


def _is_contracted(catalogue: Catalogue, reward: AnyReward) -> bool:
    try:
        owed(catalogue.pack, reward.reward_id, 1, catalogue.today)
    except RefusedError:
        return False
    return True
