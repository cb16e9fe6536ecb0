"""What the tests of fraud monitoring send, and what they look at."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.events.event import EventData, Money
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_granted import GrantSource, PointsGranted
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.referral_accepted import ReferralAccepted
from shared.events.topics import load_topics
from shared.runtime.partitioner import partition_of
from tests.infrastructure.services import Services, eventually, producer
from tests.infrastructure.till import PROGRAM, purchase

HOLDS = "fraud.holds.v1"
SIGNALS = "fraud.signals.v1"


@dataclass(slots=True)
class Scene:
    """A running service and a sender. Times are `at` minutes before the scene began."""

    services: Services
    sender: AIOKafkaProducer
    unique: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0))

    def member(self, name: str) -> str:
        return f"{name}-{self.unique}"

    async def send(self, event_id: str, data: EventData, *, at: float = 0, source: str = "/pos/tests/t1") -> None:
        """Under the contract's key, and acknowledged."""
        await (await self.send_soon(event_id, data, at=at, source=source))

    async def send_soon(self, event_id: str, data: EventData, *, at: float = 0, source: str = "/pos/tests/t1") -> Any:
        owner: str = getattr(data, data.MEMBER_FIELD or "member_id")
        key = member_key(PROGRAM, owner)
        value = encode(event_id, source, data.TYPE, owner, self.now - timedelta(minutes=at), key, data)
        return await self.sender.send(
            data.TOPIC,
            value,
            key=key.encode(),
            partition=partition_of(key.encode(), 8),
            headers=list(STRUCTURED_HEADERS),
        )

    async def buy(self, member: str, event_id: str, *, device: str | None = None, at: float = 0) -> None:
        data = purchase(event_id, member, 1_000).model_copy(update={"device_hash": device})
        await self.send(event_id, data, at=at)

    async def refer(self, inviter: str, invitee: str, *, at: float = 0) -> None:
        data = ReferralAccepted(program_id=PROGRAM, inviter_id=inviter, invitee_id=invitee)
        await self.send(f"ref-{invitee}", data, at=at, source="/crm/tests")

    async def bring(self, member: str, event_id: str, grams: int, *, at: float = 0) -> None:
        items = (RecyclingItem(material="cardboard", grams=grams),)
        data = RecyclingCollected(
            program_id=PROGRAM, station_id="station", drop_id=event_id, member_id=member, items=items
        )
        await self.send(event_id, data, at=at)

    async def grant(self, member: str, cause_id: str, type_: str, *, points: int = 10, at: float = 0) -> str:
        """As earning would say it; returns the grant's id."""
        grant_id, cause = str(uuid4()), f"/pos/tests/t1#{cause_id}"
        data = PointsGranted(
            program_id=PROGRAM,
            member_id=member,
            causation_id=cause,
            correlation_id=cause,
            grant_id=grant_id,
            points=points,
            points_class="CONSUMPTION",
            source=GrantSource(type=type_, id=cause_id),
            budget_id="b",
            expected_cost=Money(amount_minor=1, currency="CNY"),
        )
        await self.send(grant_id, data, at=at, source="/earning")
        return grant_id

    async def claw_back(self, member: str, grant_id: str, cause_id: str, *, at: float = 0) -> None:
        cause = f"/pos/tests/t1#{cause_id}"
        data = PointsClawedBack(
            program_id=PROGRAM,
            member_id=member,
            causation_id=cause,
            correlation_id=cause,
            grant_id=grant_id,
            points=10,
            refund_id=cause_id,
            policy="deficit",
            cost_minor=1,
        )
        await self.send(str(uuid4()), data, at=at, source="/earning")

    async def holds(self) -> list[dict[str, Any]]:
        """Every record of fraud.holds.v1, as its event's data, in the order of partitions and offsets."""
        return await published(self.services.kafka, HOLDS)

    async def until_held(self, *members: str, seconds: float = 60) -> None:
        """Wait until each of these members has a hold.placed on Kafka."""

        async def held() -> bool:
            found = {hold["member_id"] for hold in await self.holds() if hold["type"].endswith("hold.placed.v1")}
            return set(members) <= found

        await eventually(f"hold of {members}", held, seconds=seconds)

    async def until_read(self, *, seconds: float = 60) -> None:
        """Wait until the consumer group has committed all there is in the topics it reads."""
        names = [name for name, topic in load_topics().items() if "fraud_monitoring" in topic.consumers]
        places = [
            TopicPartition(name, number) for name in names if name != "programs.versions.v1" for number in range(8)
        ]
        places += [TopicPartition("fraud_monitoring.devices.v1", number) for number in range(8)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.services.kafka, group_id="fraud_monitoring", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign(places)

            behind: dict[TopicPartition, tuple[int | None, int]] = {}

            async def read() -> bool:
                ends = await consumer.end_offsets(places)
                stands = {place: await consumer.committed(place) for place in places if ends[place]}
                behind.clear()
                behind.update({at: (n, ends[at]) for at, n in stands.items() if (n or 0) < ends[at]})
                return not behind

            try:
                await eventually("end of all topics", read, seconds=seconds)
            except AssertionError:
                print(behind, *(self.services.log(name)[-5000:] for name in self.services.ports), sep="\n")
                raise
        finally:
            await consumer.stop()


@asynccontextmanager
async def scene_of(services: Services, unique: str) -> AsyncIterator[Scene]:
    async with producer(services.kafka) as sender:
        yield Scene(services, sender, unique)


async def published(kafka: str, topic: str) -> list[dict[str, Any]]:
    """All events of a topic: data, with `type`, `id` and `time` beside it."""
    places = [TopicPartition(topic, number) for number in range(8)]
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [orjson.loads(record.value) for record in records]
    finally:
        await consumer.stop()
    return [{**event["data"], "type": event["type"], "id": event["id"], "time": event["time"]} for event in found]


async def record_count(kafka: str, topic: str) -> int:
    """How many records lie in a topic from which nothing was removed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        return sum((await consumer.end_offsets([TopicPartition(topic, number) for number in range(8)])).values())
    finally:
        await consumer.stop()


def twice(holds: list[dict[str, Any]]) -> list[str]:
    """Ids of events that were published under one id with another content, or holds placed under two event ids."""
    contents: dict[str, set[bytes]] = {}
    for event in holds:
        contents.setdefault(event["id"], set()).add(orjson.dumps(event, option=orjson.OPT_SORT_KEYS))
    placed = Counter(
        hold_id for hold_id, _ in {(e["hold_id"], e["id"]) for e in holds if e["type"].endswith("hold.placed.v1")}
    )
    return [name for name, said in contents.items() if len(said) > 1] + [name for name, n in placed.items() if n > 1]
