"""Workers come and go while batches are under way, and two of them claim one receipt for two members."""

import asyncio
from collections.abc import Awaitable, Callable

from deploy.local.stack import Stack
from services.operator.program import apply_shipped
from shared.events.keys import member_key
from shared.runtime.partitioner import partition_of
from tests.faults.course import Outcome
from tests.faults.joining import Joining
from tests.faults.settled import settled
from tests.faults.zombie import Zombies, frozen, read_claims, said, thaw
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import PROGRAM, Till, purchase

MEMBERS = [f"m{number}" for number in range(24)]  # enough that every partition has one


async def test_workers_freeze_and_wake_join_and_leave_mid_batch(fought: Callable[..., Awaitable[Outcome]]) -> None:
    outcome = await fought(Zombies(), Joining())
    assert len(outcome.notes) == 3 + 9


async def test_two_workers_claim_one_receipt_for_two_members(
    stack: Stack, fresh_topics: str, database: Database, unique: str
) -> None:
    """One has decided to grant when the other's grant is written: it decides again, and declines."""
    await apply_shipped(fresh_topics)
    async with (
        running_services(fresh_topics, database, stack.state_dir, "earning", "redemption") as services,
        producer(fresh_topics) as sender,
    ):
        till = Till(sender, unique)
        for member_id in MEMBERS:
            await till.register(member_id)
        await decided(services, len(MEMBERS))
        await services.kill("earning")
        await asyncio.gather(
            services.start("earning", environment={"GREENPOINTS_STOP_AT": "decided"}),
            services.start("earning", name="earning-1", ordinal=1),
        )
        first, second = await one_member_each(services)
        await till.send("first", purchase("r1", first, 6_000), ago=9)
        await frozen(services, "earning")
        await till.send("second", purchase("r1", second, 6_000), ago=9)
        await decided(services, len(MEMBERS) + 1)
        thaw(services, "earning")
        await said(services, "earning", "decided again")
        await decided(services, len(MEMBERS) + 2)
        async with services.connection("greenpoints_audit") as audit:
            rows = await audit.fetch(
                "SELECT event_id, member_id, outcome, code FROM earning.audit_decision "
                "WHERE event_id IN ('first', 'second') ORDER BY event_id"
            )
        assert [tuple(row) for row in rows] == [
            ("first", first, "declined", "DUPLICATE_EARN"),
            ("second", second, "granted", None),
        ]
        await settled(services, granted=60)


async def decided(services: Services, events: int) -> None:
    """So many events have a decision."""

    async def counted() -> bool:
        async with services.connection("greenpoints_audit") as audit:
            return bool(await audit.fetchval("SELECT count(*) FROM earning.audit_decision") == events)

    await eventually(f"{events} decisions", counted)


async def one_member_each(services: Services) -> tuple[str, str]:
    """Once two workers share the partitions: a member of the first one's and one of the second one's."""
    found: dict[str, str] = {}

    async def shared() -> bool:
        owners = (await read_claims(services, "earning")).owners
        found.update({owners[partition_of(member_key(PROGRAM, name).encode(), 8)]: name for name in MEMBERS})
        return sorted(owners.values()) == ["earning-0"] * 4 + ["earning-1"] * 4

    await eventually("partitions shared by two workers", shared)
    return found["earning-0"], found["earning-1"]
