"""A few members spend points over redemption's API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx

from deploy.local.trouble import Trouble

SPENDERS = 12
MOST_POINTS = 500  # a fruit box


@dataclass(slots=True)
class Spent:
    """Points by member that were redeemed, and how many wishes beyond the balance were refused."""

    points: dict[str, int] = field(default_factory=dict)
    refused: int = 0


async def spend(redemption: httpx.AsyncClient, program_id: str, members: Iterable[str]) -> Spent:
    """The first SPENDERS of these members with available points redeem once, ask once more alike, and for too much.

    Raises Trouble when redemption answers otherwise than it must.
    """
    spent = Spent()
    for member_id in members:
        if len(spent.points) == SPENDERS:
            break
        member = f"/v1/programs/{program_id}/members/{member_id}"
        available = (await redemption.get(f"{member}/balance")).raise_for_status().json()["available"]
        if available < 1:
            continue
        wish = min(available, MOST_POINTS)
        first = await redeem(redemption, member, wish, "fruit-box")
        again = await redeem(redemption, member, wish, "fruit-box")
        if first.status_code != httpx.codes.CREATED or again.json() != first.json():
            raise _wrong(member_id, again)
        spent.points[member_id] = wish
        beyond = await redeem(redemption, member, available - wish + 1, "too-much")
        if beyond.status_code != httpx.codes.CONFLICT or beyond.json()["code"] != "INSUFFICIENT_POINTS":
            raise _wrong(member_id, beyond)
        spent.refused += 1
    return spent


async def redeem(redemption: httpx.AsyncClient, member: str, points: int, purpose: str) -> httpx.Response:
    """`member` is the member's path in redemption's API; the same purpose again is the same wish."""
    return await redemption.post(
        f"{member}/redemptions",
        json={"points": points, "reason": "fruit box"},
        headers={"Idempotency-Key": f"{purpose}-{member.rpartition('/')[2]}"},
    )


def _wrong(member_id: str, answer: httpx.Response) -> Trouble:
    return Trouble(
        "REDEMPTION_WRONG",
        f"Redemption answered member {member_id} with status {answer.status_code}: {answer.text[:300]}.",
        "This is a defect: keep the state directory and report it.",
    )
