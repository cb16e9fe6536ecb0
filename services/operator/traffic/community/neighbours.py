"""A month of honest neighbours: they join, some by invitation, buy used things and bring what can be recycled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from services.operator.traffic.community import events
from services.operator.traffic.community.people import Person, neighbour
from services.operator.traffic.community.place import (
    ARTICLES,
    INVITEE_POINTS,
    INVITER_POINTS,
    STATIONS,
)
from services.operator.traffic.sent import Reward, Sent
from shared.events.recycling_collected import RecyclingItem

Timed = tuple[datetime, Sent]

_INVITED_EVERY = 4
# The first invited neighbour whose first order comes back whole: both rewards go with it. Long enough after it that
# the referral, which travels on a topic of its own, is handled by then.
_REVERSED = 7
_REVERSED_AFTER = timedelta(days=15)
_DROPS = (2, 6)
_PURCHASES = (1, 4)


def neighbours(random: Random, run: str, count: int, since: datetime, until: datetime) -> Iterator[Timed]:
    """Everything `count` members do from `since` to `until`, in no order; the later ones may be invited."""
    known: list[Person] = []
    for number in range(count):
        invited = number % _INVITED_EVERY == _INVITED_EVERY - 1 and bool(known)
        # Everybody joins in the first third, so that there is time for the rest.
        joined = _between(random, since, since + (until - since) / 3)
        if invited:
            inviter = random.choice(known)
            joined = max(joined, inviter.joined + timedelta(hours=1))
        person = neighbour(number, run, joined, inviter.member_id if invited else None)
        known.append(person)
        yield joined, events.registered(person)
        if person.email is not None:
            yield joined, events.contact(person)
        yield from _purchases(random, person, until, reversed_=number == _REVERSED)
        yield from _drops(random, person, until)


def _purchases(random: Random, person: Person, until: datetime, *, reversed_: bool) -> Iterator[Timed]:
    """The first order of an invited neighbour pays both sides, whether the referral is told before or after it."""
    count = random.randint(*_PURCHASES)
    first = person.joined + timedelta(hours=2)
    latest = until - _REVERSED_AFTER - timedelta(hours=1) if reversed_ else until
    times = sorted(_between(random, first, latest) for _ in range(count))
    for number, time in enumerate(times):
        receipt_id, article = f"{person.member_id}-{number}", random.choice(ARTICLES)
        rewards = _rewards(person) if number == 0 else ()
        yield time, events.purchase(person, receipt_id, article, time, rewards=rewards)
        if number == 0 and person.inviter_id is not None:
            told = time + timedelta(hours=1) * random.choice((-1, 1))
            yield told, events.referral(person, told)
        if number == 0 and reversed_:
            back = time + _REVERSED_AFTER
            yield back, events.refund(person, receipt_id, article, back, taken=rewards)


def _rewards(person: Person) -> tuple[Reward, ...]:
    if person.inviter_id is None:
        return ()
    return Reward(person.inviter_id, INVITER_POINTS), Reward(person.member_id, INVITEE_POINTS)


def _drops(random: Random, person: Person, until: datetime) -> Iterator[Timed]:
    """Now and then the sorters send one item of a drop back."""
    for number in range(random.randint(*_DROPS)):
        time = _between(random, person.joined + timedelta(hours=1), until)
        drop_id, station = f"{person.member_id}-{number}", random.choice(STATIONS)
        items = _items(random, station.scale_id)
        yield time, events.drop(person, drop_id, station, items, time)
        back = time + timedelta(hours=random.randint(20, 60))
        if random.randrange(100) < 8 and back < until:
            yield back, events.rejection(person, drop_id, station, items, back)


def _items(random: Random, scale_id: str) -> tuple[RecyclingItem, ...]:
    """What a household carries: a few kilograms, some bottles."""
    weighed = {
        "cardboard": random.randint(800, 6_000),
        "mixed_paper": random.randint(500, 5_000),
        "aluminium_cans": random.randint(100, 1_200),
        "textiles": random.randint(1_000, 4_000),
        "pet": random.randint(200, 900),
    }
    chosen = random.sample(sorted(weighed), random.randint(1, 3))
    items = [RecyclingItem(material=name, grams=weighed[name], scale_id=scale_id) for name in chosen]
    if random.randrange(3) == 0:
        items.append(RecyclingItem(material="glass_bottle", pieces=random.randint(2, 12)))
    return tuple(items)


def _between(random: Random, first: datetime, last: datetime) -> datetime:
    return first + timedelta(seconds=random.randint(0, max(1, int((last - first).total_seconds()))))
