"""Processes die and events repeat: the books stand as if nothing had happened."""

import asyncio
import contextlib
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.stack import Stack
from services.operator.audit import run_audit
from services.operator.program import apply_shipped
from services.operator.traffic.sent import Expectation, Sent
from services.operator.traffic.simulate import simulate
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services

SEED = int(os.environ.get("GREENPOINTS_TEST_SEED", random.SystemRandom().randrange(10**6)))
CRASH_POINTS = ("after_decode", "statement_sent", "committed_reply_unread", "before_kafka_commit")
RELAY_POINTS = ("relay_read", "relay_produced_not_acknowledged", "relay_acknowledged_not_deleted")


def traffic(purchases: int) -> tuple[list[Sent], Expectation]:
    print(f"seed {SEED}")
    sent = list(simulate(seed=SEED, members=80, purchases=purchases, until=datetime.now(UTC)))
    expectation = Expectation()
    for one in sent:
        expectation.add(one)
    return sent, expectation


async def publish(kafka: str, sent: Sequence[Sent]) -> None:
    async with producer(kafka) as sender:
        acknowledged = [
            await sender.send(one.topic, one.data, key=one.key.encode(), headers=one.binary_headers()) for one in sent
        ]
        await asyncio.gather(*acknowledged)


async def drained(services: Services, expectation: Expectation) -> None:
    """Wait until every offset is handled, nothing is on its way, and the points have come to redemption."""
    issued = sum(member.granted for member in expectation.members.values())
    consumer = AIOKafkaConsumer(bootstrap_servers=services.kafka)
    await consumer.start()

    async def all_handled() -> bool:
        async with services.connection("greenpoints_audit") as audit:
            for schema in ("earning", "redemption"):
                if await audit.fetchval(f"SELECT count(*) FROM {schema}.audit_outbox"):  # noqa: S608
                    return False
                rows = await audit.fetch(f"SELECT topic, partition, next_offset FROM {schema}.audit_offset")  # noqa: S608
                read = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
                if not read or await consumer.end_offsets(list(read)) != read:
                    return False
            there: int = await audit.fetchval("SELECT coalesce(sum(points), 0)::bigint FROM redemption.audit_lot")
            return there == issued

    try:
        await eventually("drained spine", all_handled, seconds=150, pause=0.3)
    finally:
        await consumer.stop()


async def assert_books_are_right(services: Services, expectation: Expectation) -> None:
    """Every member's points equal the generator's own expectation, and the audit finds nothing."""
    async with services.connection("greenpoints_audit") as audit:
        rows = await audit.fetch(
            """
            SELECT l.member_id, sum(l.points)::bigint AS granted, sum(l.recalled)::bigint AS clawed_back,
                   (SELECT sum(g.points)::bigint FROM earning.audit_grant g WHERE g.member_id = l.member_id) AS issued
              FROM redemption.audit_lot l GROUP BY l.member_id
            """
        )
        effects = await audit.fetchrow(
            "SELECT count(*) AS all, count(DISTINCT event_id) AS ids FROM earning.audit_decision"
        )
    books = {row["member_id"]: (row["granted"], row["clawed_back"]) for row in rows}
    expected = {
        member_id: (member.granted, member.clawed_back)
        for member_id, member in expectation.members.items()
        if member.granted
    }
    assert books == expected
    assert all(row["issued"] == row["granted"] for row in rows)
    assert effects is not None and effects["all"] == effects["ids"]
    verdict = await run_audit(services.database.dsns["greenpoints_audit"], services.kafka)
    assert verdict.clean, verdict.text()


@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("service", ["earning", "redemption"])
async def test_a_worker_killed_mid_batch(
    service: str, point: str, stack: Stack, fresh_topics: str, database: Database
) -> None:
    """It dies at a named point with work in hand, another takes over; the events come twice besides."""
    sent, expectation = traffic(600)
    await apply_shipped(fresh_topics)
    others = {"earning", "redemption"} - {service}
    async with running_services(fresh_topics, database, stack.state_dir, *others) as services:
        await publish(fresh_topics, sent)
        await dies_at(services, service, point)
        await services.start(service)
        await publish(fresh_topics, sent)
        await drained(services, expectation)
        await assert_books_are_right(services, expectation)


@pytest.mark.parametrize("point", RELAY_POINTS)
async def test_the_relay_killed(point: str, stack: Stack, fresh_topics: str, database: Database) -> None:
    """What it had read, sent or heard acknowledged is published again at most; consumers see the repeats."""
    sent, expectation = traffic(600)
    await apply_shipped(fresh_topics)
    async with running_services(fresh_topics, database, stack.state_dir, "redemption") as services:
        await services.start("earning", environment={"GREENPOINTS_ROLES": "consume,serve"})
        await publish(fresh_topics, sent)
        relay = {"GREENPOINTS_ROLES": "relay,serve"}
        await dies_at(services, "earning", point, name="relay", environment=relay)
        await services.start("earning", name="relay", environment=relay)
        await drained(services, expectation)
        await assert_books_are_right(services, expectation)


async def test_workers_killed_at_random_while_events_come_twice(
    stack: Stack, fresh_topics: str, database: Database
) -> None:
    """Two workers of each service share the partitions; one of them dies again and again."""
    sent, expectation = traffic(1500)
    dice = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    await apply_shipped(fresh_topics)
    async with running_services(fresh_topics, database, stack.state_dir, "earning", "redemption") as services:
        for service in ("earning", "redemption"):
            await services.start(service, name=f"{service}-1", ordinal=1)
        publishing = asyncio.gather(publish(fresh_topics, sent), publish(fresh_topics, sent))
        for _ in range(4):
            service = dice.choice(["earning", "redemption"])
            await asyncio.sleep(dice.uniform(0.2, 1.0))  # the moment of death, drawn from the seed
            await services.kill(f"{service}-1")
            await services.start(service, name=f"{service}-1", ordinal=1)
        await publishing
        await drained(services, expectation)
        await assert_books_are_right(services, expectation)


async def dies_at(
    services: Services,
    service: str,
    point: str,
    *,
    name: str | None = None,
    environment: dict[str, str] | None = None,
) -> None:
    """Start a process that kills itself at `point`, and see that it did."""
    name = name or service
    with contextlib.suppress(AssertionError):  # dead before it ever was ready: the point came first
        await services.start(service, name=name, environment={**(environment or {}), "GREENPOINTS_CRASH_AT": point})
    await services.running.pop(name).wait(60)
    assert f"crash point {point}" in services.log(name), "the point was never reached"
