"""Members spend by HTTP while things break: a wish of unknown outcome is asked again under its key."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

import httpx

from tests.faults.record import Spend
from tests.infrastructure.services import Services

_PATIENCE_SECONDS = 120
_PAUSE_SECONDS = 0.1
_MEMBERS_AT_ONCE = 8


async def spend_all(
    services: Services, process: str, wishes: Sequence[Spend], turn: Callable[[int], Awaitable[None]] | None = None
) -> int:
    """Ask for every wish until it is answered; members side by side, one's wishes in order.

    `turn` is awaited before each wish with its place in the row, to spread them.
    Returns how many requests had no answer: process away, or reply lost.
    Raises AssertionError for another answer than the wish must get.
    """
    places = {wish.key: place for place, wish in enumerate(wishes)}
    members = [list(own) for _, own in groupby(wishes, key=lambda wish: wish.member_id)]
    side_by_side = asyncio.Semaphore(_MEMBERS_AT_ONCE)
    lost = 0

    async def serve(own: Sequence[Spend]) -> None:
        nonlocal lost
        async with side_by_side, services.operator(process) as client:
            for wish in own:
                if turn is not None:
                    await turn(places[wish.key])
                more = await _spend(client, wish)
                lost += more  # not in one line: others add to it meanwhile

    async with asyncio.TaskGroup() as tasks:
        for own in members:
            tasks.create_task(serve(own))
    return lost


async def _spend(client: httpx.AsyncClient, wish: Spend) -> int:
    """One wish to its answer, then once more under the same key, then with another body; counts lost replies."""
    answer, lost = await _asked(client, wish, wish.points)
    assert answer.status_code == wish.status, (wish, answer.text)
    if wish.status != httpx.codes.CREATED:
        return lost
    again, more = await _asked(client, wish, wish.points)
    assert again.status_code == wish.status and again.json() == answer.json(), (wish, answer.text, again.text)
    other, most = await _asked(client, wish, wish.points + 1)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED"), (wish, other.text)
    return lost + more + most


async def _asked(client: httpx.AsyncClient, wish: Spend, points: int) -> tuple[httpx.Response, int]:
    lost = 0
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            try:
                answer = await client.post(
                    f"/v1/programs/{wish.program_id}/members/{wish.member_id}/redemptions",
                    json={"points": points, "reason": "fruit box"},
                    headers={"Idempotency-Key": wish.key},
                )
            except httpx.HTTPError:  # done or not: nobody knows
                lost += 1
            else:
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return answer, lost
                lost += 1
            await asyncio.sleep(_PAUSE_SECONDS)
