"""A running service takes a new version of a program, and each event is judged by the version of its own time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.stack import Stack
from services.operator.program import publish_pack
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.topics import load_topics
from shared.programs.pack import ProgramPack
from shared.programs.rules import MultiplierRule
from shared.programs.versions import NOTICE
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import PROGRAM, Till, purchase, refund
from tests.integration.earning.harness import PURCHASES, program

MEMBER = "ann"
MOMENT = timedelta(milliseconds=1)


def doubling(effective_at: datetime) -> ProgramPack:
    """Version 2: the same, and twice the points. It takes nothing from anybody, so C21 asks for no seven days."""
    twice = MultiplierRule.model_validate(
        {"rule_id": "double", "kind": "multiplier", "factor": 2, "budget_id": "marketing"}
    )
    return program(version=2, effective_at=effective_at, rules=(*program().rules, twice))


async def test_a_version_published_while_the_service_runs_judges_the_events_of_its_time_and_no_others(
    fresh_topics: str, stack: Stack, database: Database
) -> None:
    await publish_pack(fresh_topics, program())
    async with running_services(fresh_topics, database, stack.state_dir, "earning") as services:
        started = services.running["earning"].pid
        async with producer(fresh_topics) as sender:
            till = Till(sender, "version")
            await till.register(MEMBER)
            await till.send("before", purchase("before", MEMBER, 6_000, 4_000))
            await eventually("the first points", lambda: _judged(services, {"before": (1, 100, 0)}))

            start = datetime.now(UTC).replace(microsecond=0) + NOTICE + timedelta(minutes=1)
            await publish_pack(fresh_topics, doubling(start))
            await eventually("version 2 in the running service", lambda: _knows_both(services))
            await till.send("meanwhile", purchase("meanwhile", MEMBER, 6_000, 4_000))

            # A quarter of an hour later, as the broker's clock tells: its notice is over.
            async with _broker_clock(fresh_topics, sender, start + timedelta(minutes=2)) as later:
                await later.send("first", purchase("first", MEMBER, 6_000, 4_000), start)
                await later.send("last-before", purchase("last-before", MEMBER, 6_000, 4_000), start - MOMENT)
                await later.send("late", purchase("late", MEMBER, 6_000, 4_000), start - timedelta(days=5))
                # A refund goes by the version that judged its receipt, whenever it comes.
                now = start + timedelta(minutes=1)
                await later.send("back-1", refund("back-1", "first", MEMBER, ("2", 4_000)), now)
                await later.send("back-2", refund("back-2", "late", MEMBER, ("2", 4_000)), now)
                expected = {
                    "before": (1, 100, 0),
                    "meanwhile": (1, 100, 0),
                    "first": (2, 200, 80),
                    "last-before": (1, 100, 0),
                    "late": (1, 100, 40),
                }
                await eventually("each judged by its own version", lambda: _judged(services, expected))
        assert services.running["earning"].pid == started
        assert services.running["earning"].exit_code is None


async def _judged(services: Services, expected: dict[str, tuple[int, int, int]]) -> bool:
    """Whether the receipts' version, points and clawed-back points are these."""
    async with services.connection("earning") as books:
        rows = await books.fetch(
            """
            SELECT r.receipt_id, r.rule_version, sum(g.points)::bigint AS points,
                   sum(g.clawed_back)::bigint AS taken
              FROM receipt AS r JOIN issued_grant AS g USING (receipt_key) GROUP BY 1, 2
            """
        )
    return {row["receipt_id"]: (row["rule_version"], row["points"], row["taken"]) for row in rows} == expected


async def _knows_both(services: Services) -> bool:
    async with services.connection("earning") as books:
        return bool(await books.fetchval("SELECT count(*) = 2 FROM program_version"))


class _LaterTill:
    """A till whose records arrive at another time than now."""

    def __init__(self, sender: AIOKafkaProducer, arrival: datetime) -> None:
        self._sender, self._arrival = sender, int(arrival.timestamp() * 1000)

    async def send(self, event_id: str, data: EventData, time: datetime) -> None:
        key = member_key(PROGRAM, MEMBER)
        value = encode(event_id, "/pos/tests/t1", data.TYPE, MEMBER, time, key, data)
        await self._sender.send_and_wait(
            data.TOPIC, value, key=key.encode(), headers=list(STRUCTURED_HEADERS), timestamp_ms=self._arrival
        )


@asynccontextmanager
async def _broker_clock(kafka: str, sender: AIOKafkaProducer, arrival: datetime) -> AsyncIterator[_LaterTill]:
    """Lets the records of purchases say when they arrived; the topic is made anew before the next test."""
    config = {**load_topics()[PURCHASES].config, "message.timestamp.type": "CreateTime"}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, PURCHASES, configs=config)])
    finally:
        await admin.close()
    yield _LaterTill(sender, arrival)
