"""Workers killed, joined and robbed of their local store: the same holds, none twice, nobody held who should not be.

Every case sends part of what a threshold needs before the fault and the rest after it, and every event twice: so a
window that was lost holds too few people, and one that counted a repeat holds too many.
"""

import asyncio
import random
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest_asyncio

from tests.infrastructure.services import Services, eventually
from tests.integration.fraud_monitoring.scene import Scene, scene_of, twice

SLICES = 3
HANDLED = 'greenpoints_events_total{fate="applied",service="fraud_monitoring",topic="pos.purchases.v1"}'
FAST, CALM, DEVICES, LEADERS = 24, 24, 8, 4


class Purchase(NamedTuple):
    """One event of the traffic; `inviter` makes it a referral of `member`."""

    member: str
    event_id: str
    device: str | None = None
    inviter: str | None = None


class Traffic(NamedTuple):
    """Slices to send between faults, and who must be held for what in the end."""

    slices: list[list[Purchase]]
    expected: set[tuple[str, str]]


def traffic(scene: Scene) -> Traffic:
    """Members that buy 15 or 14 times, devices with 5 or 4 members, leaders with 3 or 2 invitees on a device."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    events: list[Purchase] = []
    expected: set[tuple[str, str]] = set()
    for number in range(FAST + CALM):
        name = scene.member(f"buyer{number}")
        times = 15 if number < FAST else 14
        events += [Purchase(name, f"{name}-{n}") for n in range(times)]
        if times == 15:
            expected.add((name, "MEMBER_VELOCITY"))
    for number in range(2 * DEVICES):
        names = [scene.member(f"dev{number}m{n}") for n in range(5 if number < DEVICES else 4)]
        events += [Purchase(name, f"{name}-d", f"device-{number}") for name in names]
        if number < DEVICES:
            expected |= {(name, "DEVICE_SHARED") for name in names}
    for number in range(2 * LEADERS):
        leader = scene.member(f"leader{number}")
        names = [scene.member(f"inv{number}m{n}") for n in range(3 if number < LEADERS else 2)]
        events += [Purchase(name, f"{name}-d", f"ring-{number}") for name in names]
        events += [Purchase(name, f"{name}-r", inviter=leader) for name in names]
        if number < LEADERS:
            expected |= {(name, "REFERRAL_RING") for name in (leader, *names)}
    chance.shuffle(events)
    size = len(events) // SLICES + 1
    return Traffic([events[start : start + size] for start in range(0, len(events), size)], expected)


@pytest_asyncio.fixture(loop_scope="session")
async def still(services: Services, unique: str) -> AsyncIterator[Scene]:
    """No worker yet: each case starts its own, with a store of its own."""
    async with scene_of(services, unique) as scene:
        yield scene


async def start(scene: Scene, name: str, ordinal: int = 0) -> Path:
    store = scene.services.state_dir / "store"
    await scene.services.start(
        "fraud_monitoring", name=name, ordinal=ordinal, environment={"GREENPOINTS_STORE_DIR": str(store)}
    )
    return store / str(ordinal)


async def send(scene: Scene, events: Sequence[Purchase]) -> None:
    """Each twice, the repeat later."""
    for event in (*events, *events):
        if event.inviter is not None:
            await scene.refer(event.inviter, event.member, at=30)
        else:
            await scene.buy(event.member, event.event_id, device=event.device, at=30)


async def until_ready(scene: Scene, name: str) -> None:
    """Until its tables are recovered and it reads."""

    async def ready() -> bool:
        return await metric(scene, name, "greenpoints_fraud_stream_ready") == 1

    await eventually(f"ready stream of {name}", ready)


async def until_handled(scene: Scene, name: str, more: int) -> None:
    """Until it has handled so many purchases more, repeats included."""
    before = await metric(scene, name, HANDLED)

    async def handled() -> bool:
        return await metric(scene, name, HANDLED) >= before + more

    await eventually(f"{more} events handled by {name}", handled, pause=0.01)


async def metric(scene: Scene, name: str, wanted: str) -> float:
    async with scene.services.operator(name) as client:
        text = (await client.get("/metrics")).text
    found = re.search(rf"^{re.escape(wanted)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0


async def assert_holds(scene: Scene, wanted: Traffic, began: float, what: str) -> None:
    await scene.until_read(seconds=120)
    await scene.until_held(*(member for member, _ in wanted.expected))
    holds = await scene.holds()
    print(f"{what}: same holds after {time.monotonic() - began:.1f} s")
    assert {(hold["member_id"], hold["reason"]) for hold in holds} == wanted.expected
    assert len({hold["hold_id"] for hold in holds}) == len(wanted.expected)
    assert not twice(holds)


async def test_killed_three_times_amid_traffic(still: Scene) -> None:
    wanted = traffic(still)
    await start(still, "worker")
    for events in wanted.slices:
        await until_ready(still, "worker")
        sending = asyncio.create_task(send(still, events))
        await until_handled(still, "worker", secrets.randbelow(len(events)))
        await still.services.kill("worker")
        began = time.monotonic()
        await start(still, "worker")
        await sending
    await assert_holds(still, wanted, began, "SIGKILL and restart")


async def test_local_store_deleted_while_windows_are_half_full(still: Scene) -> None:
    wanted = traffic(still)
    store = await start(still, "worker")
    for events in wanted.slices[:-1]:
        await send(still, events)
        await still.until_read()
        await still.services.kill("worker")
        assert list(store.rglob("*.db")), "the tables lie there"
        shutil.rmtree(store)
        began = time.monotonic()
        await start(still, "worker")
    await send(still, wanted.slices[-1])
    await assert_holds(still, wanted, began, "local store deleted")


async def test_two_workers_one_joins_and_one_is_killed(still: Scene) -> None:
    wanted = traffic(still)
    await start(still, "one", 0)
    await send(still, wanted.slices[0])
    await still.until_read()
    sending = asyncio.create_task(send(still, wanted.slices[1]))
    await start(still, "two", 1)
    await sending
    await still.until_read()
    sending = asyncio.create_task(send(still, wanted.slices[2]))
    await until_handled(still, "one", secrets.randbelow(200))
    await still.services.kill("one")
    began = time.monotonic()
    await sending
    await assert_holds(still, wanted, began, "one of two workers killed")
