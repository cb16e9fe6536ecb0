"""Looks at Kafka's offsets twice a second and keeps what was seen: lag, its trend, rates and badges."""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.console.readings.lag import (
    WINDOW,
    LagReading,
    Look,
    PlaceLag,
    TopicFlow,
    appended_at,
    judge,
    rate,
)
from services.console.readings.record_times import RecordTimes
from shared.events.topics import built_services, load_topics
from shared.runtime.kafka_client import end_client

log = structlog.get_logger()

PAUSE_SECONDS = 0.5
TREND = 60  # lags kept for a sparkline, one a second
_ENDS_KEPT = timedelta(minutes=15)
_BEGINNINGS_EVERY = 60  # looks
_MEMBERS_EVERY = 2  # looks
_AWAY_SECONDS = 3  # no answer for so long: Kafka is away

Place = tuple[str, int]


def declared_groups() -> dict[str, tuple[str, ...]]:
    """Consumer group → its topics, as topics.yaml declares them; program versions are read outside every group."""
    groups: dict[str, list[str]] = {}
    for topic in load_topics().values():
        for service in topic.consumers:
            if service in built_services() and topic.key != "program/version":
                groups.setdefault(service, []).append(topic.name)
    return {group: tuple(topics) for group, topics in groups.items()}


@dataclass(slots=True)
class _Followed:
    """What was seen of one group on one partition."""

    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=WINDOW))
    trend: deque[int] = field(default_factory=lambda: deque(maxlen=TREND))
    last_commit_at: datetime | None = None

    def add(self, look: Look, *, keeps_trend: bool) -> None:
        # a first offset where none was known says nothing of when it was committed
        if self.looks and self.looks[-1].committed not in (None, look.committed):
            self.last_commit_at = look.at
        self.looks.append(look)
        if keeps_trend or not self.trend:
            self.trend.append(look.lag)
        else:
            self.trend[-1] = look.lag


class LagWatch:
    """Follows every declared group; `reading` is the last look, None before the first. Kafka may come and go."""

    def __init__(self, kafka: str, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self._kafka = kafka
        self._groups = declared_groups() if groups is None else groups
        named = load_topics() if groups is None else {topic for topics in groups.values() for topic in topics}
        self._topics = {name: load_topics()[name] for name in sorted(named)}
        self._places = [TopicPartition(t.name, number) for t in self._topics.values() for number in range(t.partitions)]
        self._followed: dict[tuple[str, Place], _Followed] = defaultdict(_Followed)
        self._ends: dict[Place, deque[tuple[datetime, int]]] = defaultdict(deque)
        self._begins: dict[TopicPartition, int] = {}
        self._members: dict[str, int | None] = {}
        self._times = RecordTimes(kafka)
        self._looks = 0
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.reading: LagReading | None = None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._times.close()

    async def next(self, after: int = 0) -> LagReading:
        """Wait for a look whose number is above `after`."""
        async with self._news:
            await self._news.wait_for(lambda: self.reading is not None and self.reading.number > after)
        assert self.reading is not None  # noqa: S101 - the line above waited for it
        return self.reading

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:  # whatever broke the client: take a new one
                log.warning("Kafka's offsets cannot be read", error=error)
                await self._tell_away(error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self) -> None:
        """Look again and again with one pair of clients; raises when Kafka does not answer."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            retry_backoff_ms=5,  # asked for ends, it learns of one topic after the other, and waits so long between
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka)
        try:
            async with asyncio.timeout(_AWAY_SECONDS):
                await consumer.start()
                await admin.start()
            self._begins.clear()
            while True:
                async with asyncio.timeout(_AWAY_SECONDS):
                    await self._look(consumer, admin)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await end_client(consumer)
            with contextlib.suppress(Exception):
                await admin.close()

    async def _look(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        if not self._begins or self._looks % _BEGINNINGS_EVERY == 0:
            self._begins = await consumer.beginning_offsets(self._places)
        if not self._members or self._looks % _MEMBERS_EVERY == 0:
            self._members = await _members(admin, self._groups)
        # the groups first: a lag read so is never below the true one, and never negative
        found = await asyncio.gather(*(admin.list_consumer_group_offsets(group) for group in self._groups))
        ends = await consumer.end_offsets(self._places)
        at = datetime.now(UTC)
        for place, end in ends.items():
            _remember_end(self._ends[place.topic, place.partition], at, end)
        for group, offsets in zip(self._groups, found, strict=True):
            committed = {place: known.offset for place, known in offsets.items() if known.offset >= 0}
            for place in self._places_of(group):
                look = Look(at, self._begins[place], ends[place], committed.get(place))
                self._followed[group, (place.topic, place.partition)].add(look, keeps_trend=self._looks % 2 == 0)
        self._looks += 1
        await self._tell(at)

    def _places_of(self, group: str) -> Iterable[TopicPartition]:
        wanted = set(self._groups[group])
        return (place for place in self._places if place.topic in wanted)

    async def _tell(self, at: datetime) -> None:
        places = tuple(
            self._place_lag(group, (place.topic, place.partition), at)
            for group in self._groups
            for place in self._places_of(group)
        )
        topics = {name: self._flow(name, at) for name in self._topics}
        logs = {
            (place.topic, place.partition): (self._begins[place], self._ends[place.topic, place.partition][-1][1])
            for place in self._places
        }
        await self._publish(LagReading(self._number() + 1, at, places, topics, dict(self._members), logs))

    async def _tell_away(self, error: Exception) -> None:
        """The last known places stay, marked by the sentence."""
        sentence = (
            f"Kafka's offsets at {self._kafka} cannot be read ({type(error).__name__}); see whether it runs. "
            "The figures are the last known ones."
        )
        last = self.reading or LagReading(0, datetime.now(UTC))
        await self._publish(replace(last, number=last.number + 1, error=sentence))

    async def _publish(self, reading: LagReading) -> None:
        async with self._news:
            self.reading = reading
            self._news.notify_all()

    def _number(self) -> int:
        return 0 if self.reading is None else self.reading.number

    def _place_lag(self, group: str, place: Place, at: datetime) -> PlaceLag:
        followed = self._followed[group, place]
        look, members = followed.looks[-1], self._members.get(group)
        commits = [(each.at, each.committed) for each in followed.looks if each.committed is not None]
        return PlaceLag(
            group=group,
            topic=place[0],
            partition=place[1],
            end=look.end,
            committed=look.committed,
            lag=look.lag,
            lag_seconds=self._age(place, look, at),
            produced_per_second=rate(self._ends[place], at),
            consumed_per_second=rate(commits, at) if commits or look.lag else 0.0,  # an empty log needs no commit
            last_commit_at=followed.last_commit_at,
            trend=tuple(followed.trend),
            badge=judge(list(followed.looks), alive=None if members is None else members > 0),
        )

    def _age(self, place: Place, look: Look, at: datetime) -> int | None:
        """Whole seconds since the oldest record not handled was appended."""
        if look.lag == 0:
            return 0
        offset = max(look.committed or 0, look.begin)
        since = appended_at(offset, self._ends[place]) or self._times.of(place, offset)
        return None if since is None else max(int((at - since).total_seconds()), 0)

    def _flow(self, topic: str, at: datetime) -> TopicFlow:
        places = [self._ends[topic, number] for number in range(self._topics[topic].partitions)]
        rates = [rate(ends, at) for ends in places]
        known = [each for each in rates if each is not None]
        return TopicFlow(topic, sum(ends[-1][1] for ends in places), sum(known) if len(known) == len(rates) else None)


async def _members(admin: AIOKafkaAdminClient, groups: Iterable[str]) -> dict[str, int | None]:
    """How many live members each group has. One request a group: the client misreads an answer about several."""
    answers = await asyncio.gather(*(admin.describe_consumer_groups([group]) for group in groups))
    return {group[1]: len(group[5]) for [answer] in answers for group in answer.groups}


def _remember_end(ends: deque[tuple[datetime, int]], at: datetime, end: int) -> None:
    """Keep of an unchanged end its first and last instant only."""
    if len(ends) >= 2 and ends[-1][1] == ends[-2][1] == end:
        ends.pop()
    ends.append((at, end))
    while ends[0][0] < at - _ENDS_KEPT:
        ends.popleft()
