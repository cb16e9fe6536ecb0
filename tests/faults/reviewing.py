"""A person decides cases by HTTP while things break: a decision of unknown outcome is sent again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx

from tests.faults.record import Review
from tests.infrastructure.services import Services

_PATIENCE_SECONDS = 120
_PAUSE_SECONDS = 0.2
_STATE = {"release": "released", "confirm": "confirmed"}


async def review_all(
    services: Services, process: str, reviews: Sequence[Review], turn: Callable[[int], Awaitable[None]]
) -> int:
    """Decide each case in order, `turn` awaited before each; returns how many requests had no answer."""
    lost = 0
    async with services.operator(process) as client:
        for place, review in enumerate(reviews):
            await turn(place)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not await _decided(client, review):
                    lost += 1
                    await asyncio.sleep(_PAUSE_SECONDS)
    return lost


async def _decided(client: httpx.AsyncClient, review: Review) -> bool:
    """Whether the decision is known to be carried out; raises AssertionError when it was refused."""
    try:
        case_id = await _case_of(client, review)
        answer = await client.post(
            f"/v1/cases/{case_id}/decisions",
            json={"verdict": review.verdict, "person": "reviewer of the tests", "note": f"looked: {review.verdict}"},
        )
    except httpx.HTTPError:  # done or not: nobody knows
        return False
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return False
    assert answer.is_success, (review, answer.text)
    assert answer.json()["state"] == _STATE[review.verdict], answer.text
    return True


async def _case_of(client: httpx.AsyncClient, review: Review) -> str:
    """The member's one case, open or decided since by a request whose answer was lost."""
    for state in ("open", _STATE[review.verdict]):
        answer = await client.get("/v1/cases", params={"state": state, "member": review.member_id})
        answer.raise_for_status()
        if cases := answer.json()["cases"]:
            assert len(cases) == 1, (review, cases)
            return str(cases[0]["case_id"])
    raise AssertionError(f"There is no case of {review.member_id}.")
