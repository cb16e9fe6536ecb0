"""Two orders, a refund, an expiry sweep, a hold and a grant on one lot in each of their 720 orders: always exact.

Each order of the six happens to a member of its own; the members take their steps side by side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import permutations

import httpx
import pytest

from services.operator.audit.checks.orders import DIFFERING
from services.redemption.sweepers.sweep_expiry import sweep_expiry
from tests.integration.redemption.harness import PROGRAM, Redemption, clawed_back, grant, grant_id, hold, registered
from tests.integration.redemption.ordering import line, open_for_orders, order
from tests.unit.programs.packs import reward

pytestmark = pytest.mark.asyncio(loop_scope="session")

Members = Sequence[str]
Step = Callable[[Redemption, Members], Awaitable[None]]

# The notices were given in time; what is left of the lot expires with the next sweep.
_NOTICES_GIVEN = """
    UPDATE lot SET last_notice_at = granted_at, expiry_due_at = expires_at
     WHERE program_id = $1 AND member_id = ANY($2::text[]) AND lot_id = ANY($3::uuid[])
"""


async def _box(redemption: Redemption, members: Members) -> None:
    await _order(redemption, members, "box")


async def _pan(redemption: Redemption, members: Members) -> None:
    await _order(redemption, members, "pan")


async def _order(redemption: Redemption, members: Members, reward_id: str) -> None:
    sent = (order(redemption, line(reward_id), key=f"{m}-{reward_id}", member=m) for m in members)
    answers: list[httpx.Response] = await asyncio.gather(*sent)
    for answer in answers:
        code = "" if answer.status_code == 201 else answer.json()["code"]
        assert code in ("", "INSUFFICIENT_POINTS", "HELD_FOR_REVIEW"), answer.text


async def _refund(redemption: Redemption, members: Members) -> None:
    await redemption.post(*(clawed_back(f"{m}-back", 700, of=f"{m}-lot", member=m) for m in members))


async def _expire(redemption: Redemption, members: Members) -> None:
    lots = [grant_id(f"{m}-lot") for m in members]
    await redemption.running.pool.execute(_NOTICES_GIVEN, PROGRAM, list(members), lots)
    await asyncio.gather(sweep_expiry(redemption.running), sweep_expiry(redemption.running))


async def _hold(redemption: Redemption, members: Members) -> None:
    await redemption.post(*(hold(f"{m}-hold", member=m, points=400) for m in members))


async def _grant(redemption: Redemption, members: Members) -> None:
    await redemption.post(*(grant(f"{m}-late", 250, member=m) for m in members))


STEPS: tuple[Step, ...] = (_box, _pan, _refund, _expire, _hold, _grant)


async def test_in_every_order_the_books_are_exact_at_every_step(redemption: Redemption) -> None:
    open_for_orders(
        redemption,
        reward(500, 5_000, reward_id="box", stock=[{"units": 700}]),
        reward(300, 5_000, reward_id="pan", stock=[{"units": 720}]),
    )
    plans = {f"m-{number}": plan for number, plan in enumerate(permutations(STEPS))}
    assert len(plans) == 720
    await redemption.post(*(registered(member) for member in plans))
    # granted 30 days ago for 20 days, still spendable: its notices were not given yet (C20)
    await redemption.post(*(grant(f"{member}-lot", 1_000, member=member, life_days=20) for member in plans))
    for turn in range(len(STEPS)):
        for step in STEPS:
            await step(redemption, [member for member, plan in plans.items() if plan[turn] is step])
            await redemption.assert_books_hold()
    assert await redemption.running.pool.fetch(DIFFERING) == []
    seen = set(await asyncio.gather(*(_ending(redemption, member) for member in plans)))
    assert len(seen) > 8, "the orders of the steps must matter, or nothing was raced"


async def _ending(redemption: Redemption, member: str) -> tuple[int, ...]:
    """Where the member's points are; whatever came first, 1,250 were granted and 700 of them taken back."""
    shown = await redemption.balance(member)
    parts = tuple(
        int(str(shown[name])) for name in ("available", "held", "redeemed", "expired", "deficit", "clawed_back")
    )
    available, held, redeemed, expired, deficit, taken = parts
    assert available + held + redeemed + expired + taken - deficit == 1_250
    assert taken == 700
    assert not (available and deficit)
    return parts
