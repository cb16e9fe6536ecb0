"""A worker wakes past its session: what it had decided changes nothing, also where only the epoch can tell."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest_asyncio

from deploy.local.stack import Stack
from services.operator.program import apply_shipped
from shared.events.keys import member_key
from shared.runtime.partitioner import partition_of
from tests.faults.settled import settled
from tests.faults.zombie import GATE_SHUT, begun, claimed, frozen, read_claims, said, stop_settings, thaw
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import PROGRAM, Till, purchase, refund

PROFILES, PURCHASES, GRANTS = "members.profiles.v1", "pos.purchases.v1", "points.grants.v1"
PARTITION = partition_of(member_key(PROGRAM, "ann").encode(), 8)


@pytest_asyncio.fixture(loop_scope="session")
async def services(stack: Stack, fresh_topics: str, database: Database) -> AsyncIterator[Services]:
    await apply_shipped(fresh_topics)
    async with running_services(fresh_topics, database, stack.state_dir) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def till(services: Services, unique: str) -> AsyncIterator[Till]:
    async with producer(services.kafka) as sender:
        yield Till(sender, unique)


async def test_only_the_epoch_stops_a_purchase_decided_before_its_registration(services: Services, till: Till) -> None:
    """The zombie saw no member and lets the purchase wait; the new owner has registered her meanwhile.

    Written now, the purchase would wait for a registration that has passed, and its points would be lost.
    """
    await asyncio.gather(services.start("earning", environment=stop_settings("decided")), services.start("redemption"))
    await claimed(services, "earning")
    await till.send("buy", purchase("r1", "ann", 6_000), ago=9)
    await frozen(services, "earning")
    before = await read_claims(services, "earning")
    await till.register("ann")
    async with begun(heir(services, "earning"), services, "earning-1"):
        await frozen(services, "earning-1")
        now = await read_claims(services, "earning")
        place = (PURCHASES, PARTITION)
        assert now.offsets[PROFILES, PARTITION] == before.offsets[PROFILES, PARTITION] + 1
        assert now.offsets[place] == before.offsets[place], "the zombie's offset still fits"
        assert now.epochs[PARTITION] > before.epochs[PARTITION]
        thaw(services, "earning")
        await said(services, "earning", GATE_SHUT)
        late = await read_claims(services, "earning")
        assert late.offsets == now.offsets, "the late batch moved an offset"
        async with services.connection("greenpoints_audit") as audit:
            assert await audit.fetchval("SELECT count(*) FROM earning.audit_waiting") == 0
        thaw(services, "earning-1")
        await settled(services, granted=60)


async def test_only_the_epoch_stops_a_registration_overtaken_by_a_grant(services: Services, till: Till) -> None:
    """The same in redemption, frozen before its transaction: one that idles so long is ended by the server."""
    await asyncio.gather(
        services.start("earning"), services.start("redemption", environment=stop_settings("after_decode"))
    )
    await claimed(services, "redemption")
    await till.register("ann")
    await frozen(services, "redemption")
    before = await read_claims(services, "redemption")
    await till.send("buy", purchase("r1", "ann", 6_000), ago=9)
    await told(services, grants=1)
    async with begun(heir(services, "redemption"), services, "redemption-1"):
        await frozen(services, "redemption-1")
        now = await read_claims(services, "redemption")
        place = (PROFILES, PARTITION)
        assert now.offsets[GRANTS, PARTITION] == before.offsets[GRANTS, PARTITION] + 1
        assert now.offsets[place] == before.offsets[place], "the zombie's offset still fits"
        assert now.epochs[PARTITION] > before.epochs[PARTITION]
        thaw(services, "redemption")
        await said(services, "redemption", GATE_SHUT)
        assert (await read_claims(services, "redemption")).offsets == now.offsets, "the late batch moved an offset"
        thaw(services, "redemption-1")
        await settled(services, granted=60)


async def test_a_frozen_worker_does_not_keep_its_wallets_locked(services: Services, till: Till) -> None:
    """Its transaction ends with its session; what it holds back is done by the new owner, long before it wakes."""
    await asyncio.gather(services.start("earning"), services.start("redemption"))
    await till.register("ann")
    await till.send("buy", purchase("r1", "ann", 6_000, 3_000), ago=9)
    await settled(services, granted=90)
    await services.kill("redemption")
    await services.start("redemption", environment=stop_settings("decided"))
    await till.send("back", refund("f1", "r1", "ann", ("2", 3_000)), ago=8)
    await frozen(services, "redemption")
    await services.start("redemption", name="redemption-1", ordinal=1)
    await settled(services, granted=90, clawed_back=30)
    thaw(services, "redemption")
    await said(services, "redemption", "reply lost, offset re-read")  # and it stands where the heir has put it
    await till.send("next", purchase("r2", "ann", 1_000), ago=9)
    await settled(services, granted=100, clawed_back=30)


async def test_a_frozen_relay_gives_way_and_repeats_at_most(services: Services, till: Till) -> None:
    """It has read its rows and holds the relay's lock; another publishes them, and its own repeats change nothing."""
    relay = {"GREENPOINTS_ROLES": "relay,serve"}
    await asyncio.gather(
        services.start("redemption"), services.start("earning", environment={"GREENPOINTS_ROLES": "consume,serve"})
    )
    await services.start(
        "earning",
        name="relay",
        environment={**relay, **stop_settings("relay_read"), "GREENPOINTS_SESSION_MILLISECONDS": "1000"},
    )
    await till.register("ann")
    await till.send("buy", purchase("r1", "ann", 6_000), ago=9)
    await frozen(services, "relay")
    await services.start("earning", name="relay-1", environment=relay)
    await settled(services, granted=60)
    await till.send("next", purchase("r2", "ann", 3_000), ago=9)
    await settled(services, granted=90)
    thaw(services, "relay")
    await said(services, "relay", "relay waits for the database")
    await till.send("last", purchase("r3", "ann", 1_000), ago=9)
    await settled(services, granted=100)
    fates = await grant_fates(services)
    assert (fates["applied"], fates["duplicate"]) == (3, 1), "the thawed relay repeats what it had read, no more"


async def grant_fates(services: Services) -> dict[str, int]:
    """What became of the records of points.grants.v1 in redemption."""
    async with services.connection("greenpoints_audit") as audit:
        row = await audit.fetchrow(
            "SELECT sum(applied)::bigint AS applied, sum(duplicate)::bigint AS duplicate "
            "FROM redemption.audit_offset WHERE topic = $1",
            GRANTS,
        )
    return dict(row or {})


def heir(services: Services, service: str) -> Coroutine[Any, Any, None]:
    """A second worker that freezes as soon as it has handled the first topic that has something to handle."""
    stop = stop_settings("before_kafka_commit")
    return services.start(service, name=f"{service}-1", ordinal=1, environment=stop)


async def told(services: Services, *, grants: int) -> None:
    """So many grants are published."""

    async def published() -> bool:
        async with services.connection("greenpoints_audit") as audit:
            made = await audit.fetchval("SELECT count(*) FROM earning.audit_grant")
            return bool(made == grants and not await audit.fetchval("SELECT count(*) FROM earning.audit_outbox"))

    await eventually(f"{grants} published grants", published)
