"""A fraud ring at work in one night, and a family that only looks like one.

The ring: a leader and accounts made within the hour, paying from two phones, each invited by the leader, each buying
something small for the reward, then buying and returning; one of them buys faster than anybody can choose, two weigh
what no household carries. The family: five people who pay with one tablet; a machine cannot tell, a person can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.operator.traffic.community import events
from services.operator.traffic.community.people import Person
from services.operator.traffic.community.place import ARTICLES, INVITEE_POINTS, INVITER_POINTS, STATIONS
from services.operator.traffic.sent import Reward, Sent
from shared.events.recycling_collected import RecyclingItem

RING_SIZE = 10
FAMILY_SIZE = 5
_CHEAPEST = min(ARTICLES, key=lambda article: article.unit_price_minor)
_DEVICES = 2
_HEAVY_GRAMS = 58_000  # below what the kiosk holds, far above what a household brings
_TOO_HEAVY_GRAMS = 180_000
_HEAVY_DROPS = 4
_ROUNDS = 3  # orders of each account that come back
_HEAVY_HANDED = (0, 1)  # places in the ring
_HASTY = 2
_HASTY_ORDERS = 16


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the ring with its leader first, and the family."""

    ring: Sequence[Person]
    family: Sequence[Person]


def cast(run: str, until: datetime) -> Cast:
    """The same for the same run; the ring joins some ten hours before `until`, the family a week before."""
    night = until - timedelta(hours=10)
    leader = f"ring-1-{run}"
    ring = [
        Person(
            member_id=f"ring-{number}-{run}",
            locale="zh-CN",
            joined=night + timedelta(minutes=4 * number),
            email=f"ring-{number}-{run}@example.com" if number <= 2 else None,
            device=f"burner-{number % _DEVICES}-{run}",
            inviter_id=None if number == 1 else leader,
        )
        for number in range(1, RING_SIZE + 1)
    ]
    family = [
        Person(
            member_id=f"family-{number}-{run}",
            locale="en",
            joined=until - timedelta(days=7, minutes=-number),
            email=f"family-{number}-{run}@example.com",
            device=f"tablet-{run}",
        )
        for number in range(1, FAMILY_SIZE + 1)
    ]
    return Cast(ring, family)


def ring_at_work(players: Cast) -> Iterator[tuple[datetime, Sent]]:
    """Registrations, referrals, small orders, refunds soon after, and a scale that is leant upon."""
    for number, person in enumerate(players.ring):
        yield person.joined, events.registered(person)
        if person.email is not None:
            yield person.joined, events.contact(person)
        if person.inviter_id is not None:
            told = person.joined + timedelta(minutes=1)
            yield told, events.referral(person, told)
        yield from _orders(person)
        if number in _HEAVY_HANDED:
            yield from _weighing(person)
        if number == _HASTY:
            yield from _haste(person)


def family_life(players: Cast, until: datetime) -> Iterator[tuple[datetime, Sent]]:
    """One order each on a Saturday, all from the tablet in the kitchen."""
    for number, person in enumerate(players.family):
        yield person.joined, events.registered(person)
        if person.email is not None:
            yield person.joined, events.contact(person)
        time = until - timedelta(hours=16, minutes=-20 * number)
        article = ARTICLES[number % len(ARTICLES)]
        yield time, events.purchase(person, f"{person.member_id}-1", article, time)


def _orders(person: Person) -> Iterator[tuple[datetime, Sent]]:
    """The first order stays, for it pays the referral; the next ones come back minutes after they earned."""
    time = person.joined + timedelta(minutes=40)
    rewards: tuple[Reward, ...] = ()
    if person.inviter_id is not None:
        rewards = (Reward(person.inviter_id, INVITER_POINTS), Reward(person.member_id, INVITEE_POINTS))
    yield time, events.purchase(person, f"{person.member_id}-0", _CHEAPEST, time, rewards=rewards)
    for number in range(1, _ROUNDS + 1):
        time += timedelta(minutes=5)
        receipt_id = f"{person.member_id}-{number}"
        yield time, events.purchase(person, receipt_id, ARTICLES[0], time)
        back = time + timedelta(minutes=3)
        yield back, events.refund(person, receipt_id, ARTICLES[0], back)


def _haste(person: Person) -> Iterator[tuple[datetime, Sent]]:
    """An order every two minutes."""
    for number in range(_HASTY_ORDERS):
        time = person.joined + timedelta(hours=2, minutes=2 * number)
        yield time, events.purchase(person, f"{person.member_id}-h{number}", _CHEAPEST, time)


def _weighing(person: Person) -> Iterator[tuple[datetime, Sent]]:
    """Drops as heavy as the kiosk takes, one after the other; the last is heavier than it can hold."""
    station = STATIONS[0]
    weights = [_HEAVY_GRAMS] * _HEAVY_DROPS + [_TOO_HEAVY_GRAMS]
    for number, grams in enumerate(weights):
        time = person.joined + timedelta(hours=2, minutes=15 * number)
        item = RecyclingItem(material="cardboard", grams=grams, scale_id=station.scale_id)
        yield time, events.drop(person, f"{person.member_id}-{number}", station, (item,), time)
