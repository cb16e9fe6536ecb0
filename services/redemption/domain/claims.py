"""Whether a member may have what they wish for, and what it costs: the lines of an order or of a quote, all or none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from services.redemption.domain.catalogue import Catalogue
from services.redemption.domain.counts import Count, slot_count, smallest, stock_counts
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.standing import PurchasedLine, Standing
from shared.events.reason_codes import ReasonCode
from shared.programs.booking import Booking
from shared.programs.prices import Price, Purchased
from shared.programs.rewards import AnyReward, ServiceBooking, Upgrade

_NOT_QUOTED: Final[Mapping[str, Price]] = {}


_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
LAST_DAY: Final = date(9999, 1, 1)
"""Bookings are for earlier days: later ones are beyond what every time zone's clock can show."""


class Wish(NamedTuple):
    """`quantity` units of a reward; a booking names its `slot`: 2027-01-05, or 2027-01-05T14:30 where it has hours."""

    reward_id: str
    quantity: int
    slot: str | None = None


class NoSuchRewardError(LookupError):
    """The program offers no reward of that name to this member now."""

    def __init__(self, reward_id: str) -> None:
        super().__init__(f"This program offers no reward {reward_id} now; its catalogue names those it does.")
        self.reward_id = reward_id


class WrongSlotError(ValueError):
    """The wish names a slot that the reward does not have, or none where one is needed: one sentence."""


class When(NamedTuple):
    """The time a booking is for, in UTC: its beginning, and until when cancelling it costs nothing."""

    begins_at: datetime
    free_until: datetime


@dataclass(frozen=True, slots=True)
class PlannedClaim:
    """One wish that may be granted if stock and points suffice. `price` is for one claim, `points` for all of them."""

    reward: AnyReward
    quantity: int
    claims: int
    price: Price
    slot: str | None
    when: When | None
    counts: tuple[Count, ...]
    purchases: tuple[PurchasedLine, ...]

    @property
    def points(self) -> int:
        return self.claims * self.price.points

    @property
    def money_minor(self) -> int:
        return self.claims * self.price.money_minor

    @property
    def begins_at(self) -> datetime | None:
        return self.when.begins_at if self.when is not None else None

    @property
    def free_until(self) -> datetime | None:
        return self.when.free_until if self.when is not None else None


def plan_claims(
    catalogue: Catalogue,
    standing: Standing,
    wishes: Sequence[Wish],
    quoted: Mapping[str, Price] = _NOT_QUOTED,
    now: Catalogue | None = None,
) -> tuple[PlannedClaim, ...]:
    """Each wish in its turn, at its price; one that was `quoted` keeps that price (C16).

    `now` is what is in force, where that is not the quote's own `catalogue`. Limits and purchased lines count over all
    wishes together. Stock is not looked at: only taking it is exact.
    Raises RefusedError (LIMIT_REACHED, NOT_ELIGIBLE), NoSuchRewardError, WrongSlotError.
    """
    planned: list[PlannedClaim] = []
    served: set[PurchasedLine] = set()
    wished: dict[str, int] = defaultdict(int)
    for wish in wishes:
        reward = _offered(catalogue, wish.reward_id, quoted)
        claims = -(-wish.quantity // reward.units_per_claim)
        wished[wish.reward_id] += wish.quantity
        if (why := ineligible(reward, standing)) is not None:
            raise RefusedError(ReasonCode.NOT_ELIGIBLE, why, reward_id=reward.reward_id)
        _require_within_limits(catalogue, standing, reward, wished[wish.reward_id])
        purchases = _serving(reward, claims, [line for line in standing.purchases if line not in served], catalogue)
        served.update(purchases)
        planned.append(
            PlannedClaim(
                reward=reward,
                quantity=wish.quantity,
                claims=claims,
                price=quoted.get(reward.reward_id) or catalogue.price(reward, standing.tier),
                slot=wish.slot,
                when=_booked(catalogue, wish, reward),
                counts=counts_in_force(now or catalogue, reward, wish.slot),
                purchases=purchases,
            )
        )
    return tuple(planned)


def counts_in_force(now: Catalogue, reward: AnyReward, slot: str | None) -> tuple[Count, ...]:
    """What a claim of today counts on: stock and room in a slot as the version in force has them, whatever was quoted.

    `reward` is by the terms that price it; they count where the version in force no longer knows it.
    """
    stocked = now.rewards.get(reward.reward_id, reward)
    of_slot = None if slot is None else slot_count(stocked, slot) or slot_count(reward, slot)
    counts = stock_counts(stocked, now.today)
    return counts if of_slot is None else smallest((*counts, of_slot))


def require_not_recalled(catalogue: Catalogue, wishes: Sequence[Wish]) -> None:
    """A recall counts at once, whatever was quoted (C18). Raises RefusedError."""
    for wish in wishes:
        reward = catalogue.rewards.get(wish.reward_id)
        if reward is not None and reward.quality is not None and reward.quality.recalled:
            raise RefusedError(
                ReasonCode.REWARD_RECALLED, f"Reward {wish.reward_id} has been recalled.", reward_id=wish.reward_id
            )


def ineligible(reward: AnyReward, standing: Standing) -> str | None:
    """Why the reward's published conditions are not met, as a sentence; None where they are.

    Purchased lines are told apart: they serve once, so it depends on how many are wanted.
    """
    asked = reward.eligibility
    if asked.tiers is not None and standing.tier not in asked.tiers:
        return f"Reward {reward.reward_id} is for members of {', '.join(asked.tiers)}."
    if asked.balance_at_least is not None and standing.spendable < asked.balance_at_least:
        return f"Reward {reward.reward_id} is for members with {asked.balance_at_least} points or more to spend."
    if asked.lifetime_at_least is not None and standing.lifetime < asked.lifetime_at_least:
        return f"Reward {reward.reward_id} is for members who have earned {asked.lifetime_at_least} points or more."
    return None


def limit_left(catalogue: Catalogue, standing: Standing, reward: AnyReward) -> int | None:
    """How many units more the member may have now; None without limit."""
    left = [
        limit.units - standing.claimed_within(reward.reward_id, catalogue.today, limit.per) for limit in reward.limits
    ]
    return max(0, min(left)) if left else None


def fitting_purchases(asked: Purchased, purchases: Sequence[PurchasedLine], today: date) -> list[PurchasedLine]:
    """Those with one of the labels, bought within so many days before today."""
    first = today - timedelta(days=asked.within_days)
    labels = frozenset(asked.labels)
    return [line for line in purchases if line.bought_on >= first and not labels.isdisjoint(line.labels)]


def slot_time(catalogue: Catalogue, reward: AnyReward, slot: str | None) -> When | None:
    """When the slot begins, in the program's time zone; a date without hours begins with its day.

    None for a reward that is no booking. Raises WrongSlotError.
    """
    if not isinstance(reward, ServiceBooking | Upgrade):
        if slot is not None:
            raise WrongSlotError(f"Reward {reward.reward_id} is no booking; leave slot out.")
        return None
    begins_at = _begins_at(catalogue, reward.reward_id, reward.booking, slot)
    free_hours = timedelta(hours=reward.booking.free_until_hours)
    return When(begins_at, begins_at - min(free_hours, begins_at - _FIRST_INSTANT))


def is_over(catalogue: Catalogue, when: When) -> bool:
    """Whether a slot has begun; a date without hours can be booked for as long as it lasts."""
    begins_on = when.begins_at.astimezone(catalogue.zone)
    has_begun = when.begins_at <= catalogue.at
    return has_begun and (begins_on.time() != time() or begins_on.date() < catalogue.today)


def _booked(catalogue: Catalogue, wish: Wish, reward: AnyReward) -> When | None:
    when = slot_time(catalogue, reward, wish.slot)
    if when is not None and is_over(catalogue, when):
        raise WrongSlotError(f"Slot {wish.slot} of reward {reward.reward_id} is over; choose a later one.")
    return when


def _offered(catalogue: Catalogue, reward_id: str, quoted: Mapping[str, Price]) -> AnyReward:
    reward = catalogue.rewards.get(reward_id)
    if reward is None:
        raise NoSuchRewardError(reward_id)
    if reward_id not in quoted and not catalogue.is_offered(reward):
        raise NoSuchRewardError(reward_id)
    return reward


def _require_within_limits(catalogue: Catalogue, standing: Standing, reward: AnyReward, wished: int) -> None:
    for limit in reward.limits:
        had = standing.claimed_within(reward.reward_id, catalogue.today, limit.per)
        if had + wished > limit.units:
            raise RefusedError(
                ReasonCode.LIMIT_REACHED,
                f"A member may have {limit.units} units of reward {reward.reward_id} per {limit.per}; "
                f"{had} were had before and {wished} are wished for.",
                reward_id=reward.reward_id,
                left=max(0, limit.units - had),
            )


def _serving(
    reward: AnyReward, claims: int, unserved: Sequence[PurchasedLine], catalogue: Catalogue
) -> tuple[PurchasedLine, ...]:
    """One purchased line for each claim, the oldest first: it is the first that would be too old."""
    asked = reward.eligibility.purchased
    if asked is None:
        return ()
    fitting = fitting_purchases(asked, unserved, catalogue.today)
    if len(fitting) < claims:
        raise RefusedError(
            ReasonCode.NOT_ELIGIBLE,
            f"Reward {reward.reward_id} asks for a purchase of {', '.join(asked.labels)} within {asked.within_days} "
            f"days for each claim; {len(fitting)} such purchases have not served yet.",
            reward_id=reward.reward_id,
        )
    return tuple(fitting[:claims])


def _begins_at(catalogue: Catalogue, reward_id: str, booking: Booking, slot: str | None) -> datetime:
    day, _, hour = (slot or "").partition("T")
    if hour in booking.slots if booking.slots else slot == day:
        try:
            begins = datetime.combine(date.fromisoformat(day), time.fromisoformat(hour) if hour else time())
            if begins.date().isoformat() == day and date.min < begins.date() < LAST_DAY:
                return begins.replace(tzinfo=catalogue.zone).astimezone(UTC)
        except ValueError:
            pass  # what is wrong is said below
    form = "a date and hour such as 2027-01-05T14:30" if booking.slots else "a date such as 2027-01-05"
    hours = f", at {', '.join(booking.slots)}" if booking.slots else ""
    raise WrongSlotError(f"Reward {reward_id} is booked for {form}{hours}; {slot or 'no slot'} is none.")
