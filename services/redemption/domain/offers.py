"""What one member is offered: what they can redeem now, what they are N points short of, and why not the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from services.redemption.domain.catalogue import Catalogue, coming_on, early_view_days
from services.redemption.domain.claims import fitting_purchases, ineligible, limit_left
from services.redemption.domain.counts import Count, stock_counts
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.standing import Standing
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day
from shared.programs.prices import Price
from shared.programs.rewards import AnyReward
from shared.programs.versions import ProgramVersion


class Obstacle(NamedTuple):
    """Why a reward cannot be claimed now: the code that an order would be refused with, as a sentence."""

    code: ReasonCode
    detail: str


@dataclass(frozen=True, slots=True)
class Offer:
    """`price` is for one claim. `left` units of stock and `limit_left` units for this member; None without limit.

    `coming_on`: the first day on which it can be claimed, for who sees it earlier.
    """

    reward: AnyReward
    price: Price
    left: int | None
    limit_left: int | None
    points_short: int
    obstacles: tuple[Obstacle, ...]
    coming_on: date | None = None

    @property
    def can_claim(self) -> bool:
        return not self.obstacles

    def short_by_at_most(self, points: int) -> bool:
        """Whether nothing but so many points is missing."""
        only_points = all(why.code is ReasonCode.INSUFFICIENT_POINTS for why in self.obstacles)
        return only_points and self.points_short <= points


def offers(
    catalogue: Catalogue,
    standing: Standing,
    taken: Mapping[Count, int],
    upcoming: ProgramVersion | None = None,
    barred: RefusedError | None = None,
) -> list[Offer]:
    """By reward id. `taken`: units taken of today's stock. `upcoming` is the version that is in force once the tier's
    early view is over; `barred` says why the member may redeem nothing at all.
    """
    found = [
        _offer(catalogue, standing, reward, taken, barred)
        for reward in catalogue.rewards.values()
        if catalogue.is_offered(reward)
    ]
    for reward, first_day in _coming(catalogue, standing.tier, upcoming):
        found.append(_preview(catalogue, standing, reward, first_day))
    return sorted(found, key=lambda offer: offer.reward.reward_id)


def units_left(catalogue: Catalogue, reward: AnyReward, taken: Mapping[Count, int]) -> int | None:
    """Units of the reward's stock that are left today; None where it never runs out. Slots are not looked at."""
    left = [count.allowed - taken.get(count, 0) for count in stock_counts(reward, catalogue.today)]
    return max(0, min(left)) if left else None


def _offer(
    catalogue: Catalogue,
    standing: Standing,
    reward: AnyReward,
    taken: Mapping[Count, int],
    barred: RefusedError | None,
) -> Offer:
    price = catalogue.price(reward, standing.tier)
    left, allowed = units_left(catalogue, reward, taken), limit_left(catalogue, standing, reward)
    obstacles = [Obstacle(barred.code, barred.detail)] if barred is not None else []
    obstacles += _conditions(catalogue, standing, reward)
    if left == 0:
        obstacles.append(Obstacle(ReasonCode.OUT_OF_STOCK, "None is left now."))
    if allowed == 0:
        obstacles.append(Obstacle(ReasonCode.LIMIT_REACHED, "The member has had as many as one member may have."))
    short = max(0, price.points - standing.spendable)
    if short:
        obstacles.append(_shortage(short, standing))
    return Offer(reward, price, left, allowed, short, tuple(obstacles))


def _conditions(catalogue: Catalogue, standing: Standing, reward: AnyReward) -> Iterator[Obstacle]:
    if (why := ineligible(reward, standing)) is not None:
        yield Obstacle(ReasonCode.NOT_ELIGIBLE, why)
    asked = reward.eligibility.purchased
    if asked is not None and not fitting_purchases(asked, standing.purchases, catalogue.today):
        labels = ", ".join(asked.labels)
        yield Obstacle(
            ReasonCode.NOT_ELIGIBLE,
            f"It asks for a purchase of {labels} within {asked.within_days} days that has not served yet.",
        )


def _shortage(short: int, standing: Standing) -> Obstacle:
    if short <= standing.held:
        return Obstacle(ReasonCode.HELD_FOR_REVIEW, f"{short} of the points it costs are held for review.")
    return Obstacle(ReasonCode.INSUFFICIENT_POINTS, f"{short} points are missing.")


def _coming(
    catalogue: Catalogue, tier: str | None, upcoming: ProgramVersion | None
) -> Iterator[tuple[AnyReward, date]]:
    """What the tier sees earlier than it can be claimed: by its own date, or because a new version brings it."""
    for reward in catalogue.rewards.values():
        if (day := coming_on(catalogue, reward, tier)) is not None:
            yield reward, day
    if upcoming is None or upcoming.version == catalogue.version:
        return
    seen_until = catalogue.today + timedelta(days=early_view_days(catalogue.pack, tier))
    begins = business_day(upcoming.effective_at, catalogue.zone)
    known = {reward.reward_id for reward in catalogue.rewards.values() if reward.enabled}
    for reward in upcoming.pack.rewards:
        first = begins if reward.available is None else max(begins, reward.available.from_)
        if reward.enabled and reward.reward_id not in known and catalogue.today <= first <= seen_until:
            yield reward, first


def _preview(catalogue: Catalogue, standing: Standing, reward: AnyReward, first_day: date) -> Offer:
    """At the price that holds today; the day's own may be another."""
    price = catalogue.price(reward, standing.tier)
    later = Obstacle(ReasonCode.NOT_ELIGIBLE, f"It can be claimed from {first_day} on.")
    return Offer(reward, price, None, None, max(0, price.points - standing.spendable), (later,), first_day)
