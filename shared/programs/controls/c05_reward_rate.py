"""C05: what spending earns back in rewards stays within the compliance role's cap.

Rate = (worth − money part) ÷ points price × highest points per money that the rules can reach on one line. Of all
prices of a reward that are not over the worst counts. Refused when above the cap. Exact fractions throughout.
"""

from collections.abc import Iterator
from fractions import Fraction

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, Location, finding
from shared.programs.highest_rate import highest_points_per_minor
from shared.programs.over import price_is_over, reward_is_over
from shared.programs.pack import ProgramPack
from shared.programs.point_payment import PointPayment
from shared.programs.prices import Price
from shared.programs.rewards import Reward
from shared.programs.worth import worth_of_claim


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    cap, points_per_minor = context.compliance.cap, highest_points_per_minor(pack)
    found = []
    for position, reward in enumerate(pack.rewards):
        if reward.enabled and not reward_is_over(reward, pack):
            rate, location = highest_rate(reward, pack, points_per_minor)
            if rate > cap:
                found.append(_reward_exceeds(("rewards", position, *location), reward, rate, cap))
    for location, name, payment in _payments(pack):
        rate = Fraction(payment.minor, payment.points) * points_per_minor
        if rate > cap:
            found.append(
                finding(
                    ReasonCode.REWARD_RATE_EXCEEDED,
                    "error",
                    location,
                    "{name} gives back {rate} of what is spent, above the cap of {cap}: "
                    "let points pay less, or earn less",
                    name=name,
                    rate=percent(rate),
                    cap=percent(cap),
                )
            )
    return tuple(found)


def highest_rate(reward: Reward, pack: ProgramPack, points_per_minor: Fraction) -> tuple[Fraction, Location]:
    """The reward's rate at its worst price, and the place of that price within the reward."""
    worth = worth_of_claim(reward)
    prices: list[tuple[Location, Price]] = [(("price",), reward.price)]
    prices += [
        (("special_prices", place), price)
        for place, price in enumerate(reward.special_prices)
        if not price_is_over(price, pack)
    ]
    rates = [((worth - price.money_minor) / price.points * points_per_minor, place) for place, price in prices]
    return max(rates, key=lambda rate: rate[0])


def percent(rate: Fraction) -> str:
    """In per cent with two digits, rounded up, so that a rate above a cap never looks like the cap."""
    hundredths = -((-rate * 10_000).__floor__())
    sign, hundredths = ("-", -hundredths) if hundredths < 0 else ("", hundredths)
    return f"{sign}{hundredths // 100}.{hundredths % 100:02}%"


def _payments(pack: ProgramPack) -> Iterator[tuple[Location, str, PointPayment]]:
    if pack.point_payment is not None:
        yield ("point_payment",), "point_payment", pack.point_payment
    for position, day in enumerate(pack.offset_days):
        yield ("offset_days", position), day.offset_day_id, day


def _reward_exceeds(location: Location, reward: Reward, rate: Fraction, cap: Fraction) -> Finding:
    return finding(
        ReasonCode.REWARD_RATE_EXCEEDED,
        "error",
        location,
        "reward {name} gives back {rate} of what is spent at this price, above the cap of {cap}: "
        "raise the price or let spending earn less",
        name=reward.reward_id,
        rate=percent(rate),
        cap=percent(cap),
    )
