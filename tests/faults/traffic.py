"""Seeded mixed traffic whose outcome is one and the same, however its partitions interleave.

A service owns several topics of one partition number and handles each in order, but their turns are anybody's guess;
so are the turns of two partitions and of two services. Whatever hangs on that is left out here or kept apart, with the
reason at its place (cases.py, community.py). Three races are left in, each with members named for it (record.py):
the receipt that two members claim at once, points that meet a hold, messages under way to who takes an address back.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random, SystemRandom

from services.operator.traffic.sent import Expectation, Kind, Sent
from services.operator.traffic.simulate import Shares, simulate
from shared.events.kafka_binding import STRUCTURED_HEADERS
from tests.faults.cases import Cases
from tests.faults.community import Community
from tests.faults.neighbours import Neighbours
from tests.faults.record import Record, Traffic, Unit

SEED = "GREENPOINTS_TEST_SEED"
UNTIL = "GREENPOINTS_TEST_UNTIL"
# Points of purchases older than the return window of 7 days mature at once, of younger ones not for days. In
# between lies what might mature between two runs.
_MATURED_BY = timedelta(days=8)
_RECENT = timedelta(days=2)
_ADJACENT_REPEATS = 40  # per thousand
_WITH_ADDRESS = 400  # per thousand members of the shop
_SHOP_EVENTS = ((0.4, 30, _MATURED_BY), (0.1, _RECENT.days, timedelta()))  # part of all, over so many days before
_COMMUNITY_EVENTS = 0.15


def drawn_seed() -> int:
    """GREENPOINTS_TEST_SEED, else a new one."""
    return int(os.environ.get(SEED) or SystemRandom().randrange(10**6))


def drawn_until() -> datetime:
    """GREENPOINTS_TEST_UNTIL (a date), else the midnight that began this day: no business time is later."""
    day = os.environ.get(UNTIL)
    return datetime.combine(
        datetime.now(UTC).date() if day is None else datetime.fromisoformat(day).date(), time(), UTC
    )


def mixed_traffic(events: int, *, seed: int, until: datetime) -> Traffic:
    """About `events` records in all: some six in ten a fruit shop's day, the rest the awkward cases."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    expectation = Expectation()
    base: list[Record] = []
    lanes: dict[str, list[Unit]] = {}
    repeats: list[Record] = []
    neighbours = Neighbours(until)
    community = Community(random, f"{seed:x}-{int(until.timestamp()):x}", until)
    community.fill(int(events * _COMMUNITY_EVENTS))
    for part, days, before in _SHOP_EVENTS:
        for sent in _shop(seed, int(events * part), days, until - before):
            expectation.add(sent)
            # Registered before the fire: who waits and who does not would be a race, and then a repeated refund
            # of a receipt that has just come back could overtake the first one.
            if sent.kind is Kind.REGISTRATION:
                base.append(_record(sent, random))
                if sent.member_id is not None and random.randrange(1000) < _WITH_ADDRESS:
                    base.append(neighbours.contact(sent.member_id, program_id=sent.program_id))
                continue
            unit = _unit(sent, random)
            lanes.setdefault(sent.key, []).append(unit)
            if sent.kind is not Kind.POISON:  # each record of poison is a dead letter of its own
                repeats.append(unit[0])
    base += community.base
    plain = len(base) + sum(len(unit) for lane in [*lanes.values(), *community.lanes] for unit in lane)
    cases = Cases(random, f"{seed:x}-{int(until.timestamp()):x}", until)
    cases.fill(events - plain - len(community.settled))
    base += cases.base
    random.shuffle(base)  # nobody has two records in it whose order matters
    return Traffic(
        seed=seed,
        until=until,
        base=base,
        settled=community.settled,
        base_spends=cases.base_spends,
        fire=_merged([*lanes.values(), *cases.lanes, *community.lanes], random),
        spends=[*community.spends, *cases.spends],
        reviews=community.reviews,
        last_spends=community.last_spends,
        pairs=cases.pairs,
        plain=[*repeats, *community.repeatable],
        expected=expectation.members,
    )


def _shop(seed: int, purchases: int, days: int, until: datetime) -> Iterable[Sent]:
    members = max(10, purchases // 15)
    return simulate(
        seed=seed,
        members=members,
        first_members=members // 3,  # a few who bought all that is bought at first would be held for it
        purchases=purchases,
        until=until,
        days=days,
        shares=Shares(refunded=80, anonymous=20, duplicate=30, poison=8),
    )


def _unit(sent: Sent, random: Random) -> Unit:
    """The event, now and then twice in a row, perhaps in the other content mode: it still is one event."""
    times = 2 if random.randrange(1000) < _ADJACENT_REPEATS and sent.kind is not Kind.POISON else 1
    return tuple(_record(sent, random) for _ in range(times))


def _record(sent: Sent, random: Random) -> Record:
    if random.random() < 0.5:
        return Record(sent.topic, sent.key.encode(), sent.structured(), STRUCTURED_HEADERS)
    return Record(sent.topic, sent.key.encode(), sent.data, tuple(sent.binary_headers()))


def _merged(lanes: Sequence[Sequence[Unit]], random: Random) -> list[Record]:
    """Shuffled across lanes, in order within each."""
    turns = [place for place, lane in enumerate(lanes) for _ in lane]
    random.shuffle(turns)
    positions = [iter(lane) for lane in lanes]
    return [record for place in turns for record in next(positions[place])]
