"""The books after a run as one picture, comparable for equality with another run's.

Not part of it: offsets, epochs, outbox ids, arrivals, clocks, and how often a relay repeated itself.
"""

import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime.postgres import Connection
from tests.faults.book_queries import QUERIES
from tests.faults.record import PAIR_PREFIX, PARTITIONS, SUSPECT_PREFIX, Traffic
from tests.faults.told_queries import TOLD_QUERIES

_SHOWN = 30
# Their time is the database clock's at a request, or at a person's decision.
_CLOCKED = frozenset(
    f"greenpoints.{name}.v1"
    for name in ("points.redeemed", "hold.released", "hold.confirmed", "points.released", "points.forfeited")
)
_DEADLINE = "deadline"  # counts from an arrival


@dataclass(frozen=True, slots=True)
class Told:
    """A topic whose events are compared: those whose type begins so, but for members whose names begin so."""

    topic: str
    types: str = "greenpoints."
    without: tuple[str, ...] = (PAIR_PREFIX,)


# Not on notifications.deliveries.v1: which causes one message gathers hangs on when they came.
TOLD = (
    Told("points.grants.v1"),
    Told("points.wallets.v1", without=(PAIR_PREFIX, SUSPECT_PREFIX)),
    Told("earning.effects.v1", "greenpoints.referral.qualified"),
    Told("earning.effects.v1", "greenpoints.referral.reversed"),
    Told("fraud.signals.v1"),
    Told("fraud.holds.v1"),
)

Entries: TypeAlias = dict[str, object]


@dataclass(slots=True)
class Picture:
    """Section → name of an entry → what the books say of it. A told event's content is compressed JSON."""

    sections: dict[str, Entries] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        return sum(len(section) for section in self.sections.values())

    def differences(self, found: "Picture") -> list[str]:
        """What `found` says otherwise, a line each; empty when the two are equal."""
        lines: list[str] = []
        for name in sorted(self.sections.keys() | found.sections.keys()):
            lines += _differing(name, self.sections.get(name, {}), found.sections.get(name, {}))
        return lines


def shown(differences: Sequence[str]) -> str:
    """For a failing test: the first lines and how many there are."""
    more = len(differences) - _SHOWN
    return "\n".join([*differences[:_SHOWN], *([f"… and {more} more"] if more > 0 else [])])


async def read_books(admin_dsn: str, kafka: str, traffic: Traffic) -> Picture:
    """The picture of the services' books and of what they told, once everything has come to rest.

    `admin_dsn` leads into the run's database as its administrator.
    """
    picture = Picture()
    connection = await asyncpg.connect(admin_dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for name, query in {**QUERIES, **TOLD_QUERIES}.items():
                rows = await connection.fetch(query.sql, *([traffic.until] if query.takes_instant else []))
                picture.sections[name] = _section(rows, (PAIR_PREFIX, *query.without))
            picture.sections["pairs"] = await _pairs(connection, traffic)
    finally:
        await connection.close()
    for told in TOLD:
        picture.sections[f"told on {told.topic}, {told.types}*"] = await _told(kafka, told)
    return picture


def _section(rows: Iterable[asyncpg.Record], without: tuple[str, ...]) -> Entries:
    """Rows are (member or null, name, content); those of racing pairs are told in their own section."""
    entries: Entries = {}
    for member_id, name, content in rows:
        if (member_id or "").startswith(without):
            continue
        if name in entries:
            raise AssertionError(f"The query names {name} twice.")
        entries[name] = content
    return entries


async def _pairs(connection: Connection, traffic: Traffic) -> Entries:
    """Of two members with one receipt exactly one earned; which one is not told."""
    entries: Entries = {}
    for pair in traffic.pairs:
        decisions = await connection.fetch(
            "SELECT outcome, code FROM earning.decision WHERE event_id = ANY($1) ORDER BY outcome DESC, code",
            list(pair.event_ids),
        )
        lots = await connection.fetch(
            "SELECT points, remaining, posted_state FROM redemption.lot WHERE member_id = ANY($1) ORDER BY lot_id",
            list(pair.members),
        )
        granted = await connection.fetchval(
            "SELECT sum(points)::bigint FROM earning.issued_grant WHERE member_id = ANY($1)", list(pair.members)
        )
        entries[pair.event_ids[0]] = (
            [tuple(row) for row in decisions],
            granted == pair.points,
            [tuple(row) for row in lots],
        )
    return entries


async def _told(kafka: str, wanted: Told) -> Entries:
    """Every event on the topic by its id. A repeat must be the same event under the same key."""
    told: dict[str, bytes] = {}
    entries: Entries = {}
    async for key, value in _records(kafka, wanted.topic):
        event = orjson.loads(value)
        if not str(event.get("type", "")).startswith(wanted.types):  # what was forwarded in binary mode has none
            continue
        if str(event.get("subject", "")).startswith(wanted.without):
            continue
        if event["type"] in _CLOCKED:
            del event["time"]
        event["data"].pop(_DEADLINE, None)
        content = orjson.dumps({"key": key.decode(), **event}, option=orjson.OPT_SORT_KEYS)
        digest = blake2b(content, digest_size=16).digest()
        if told.setdefault(event["id"], digest) != digest:
            entries[f"{event['id']} told differently"] = content.decode()
        elif event["id"] not in entries:
            entries[event["id"]] = zlib.compress(content, 1)
    return entries


async def _records(kafka: str, topic: str) -> AsyncIterator[tuple[bytes, bytes]]:
    """Key and value of every record on the topic, up to its present end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        left = {place for place, end in ends.items() if end}
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=1000)).values():
                for record in records:
                    yield record.key, record.value
            left = {place for place in left if await consumer.position(place) < ends[place]}
    finally:
        await consumer.stop()


def _differing(section: str, calm: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    lines = [
        f"{section}: {name} is missing, expected {_text(calm[name])}" for name in sorted(calm.keys() - found.keys())
    ]
    lines += [f"{section}: {name} is too much: {_text(found[name])}" for name in sorted(found.keys() - calm.keys())]
    for name in sorted(calm.keys() & found.keys()):
        if calm[name] != found[name]:
            lines.append(f"{section}: {name}: expected {_text(calm[name])}, found {_text(found[name])}")
    return lines


def _text(content: object) -> str:
    return zlib.decompress(content).decode() if isinstance(content, bytes) else str(content)
