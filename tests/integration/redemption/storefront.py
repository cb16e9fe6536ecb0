"""A program whose catalogue the tests write, in force in the service under test."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramBook, ProgramVersion
from tests.integration.redemption.harness import PROGRAM, Redemption
from tests.unit.programs.packs import pack

_LONG_AGO = "2025-01-01T00:00:00+08:00"
BRONZE_AND_GOLD: Mapping[str, Any] = {
    "qualify_by": "points",
    "window": {"calendar": "year"},
    "validity": {"months": 12},
    "levels": [
        {"tier_id": "bronze", "name": {"zh-CN": "铜卡", "en": "Bronze"}, "threshold": 100},
        {"tier_id": "gold", "name": {"zh-CN": "金卡", "en": "Gold"}, "threshold": 1_000, "early_view_days": 7},
    ],
}


def open_shop(redemption: Redemption, *versions: Mapping[str, Any]) -> list[ProgramPack]:
    """Put these versions of the program in force, each from its `effective_at` on, by default long ago."""
    packs = [
        pack(**{"version": number, "effective_at": _LONG_AGO, **parts}) for number, parts in enumerate(versions, 1)
    ]
    book = ProgramBook()
    for each in packs:
        before = datetime(2024, 1, 1, tzinfo=UTC)
        book = book.with_record(ProgramVersion.of(each, before, before))
    redemption.running.programs = book
    return packs


async def give_tier(redemption: Redemption, tier: str | None, member: str = "m-1") -> None:
    """The member's tier from long ago on."""
    await redemption.running.pool.execute(
        "INSERT INTO tier_told (program_id, member_id, effective_at, tier_id, event_id) "
        "VALUES ($1, $2, now() - interval '400 days', $3, gen_random_uuid())",
        PROGRAM,
        member,
        tier,
    )


async def offered(redemption: Redemption, member: str = "m-1", **query: Any) -> dict[str, dict[str, Any]]:
    """What the member is offered, by reward."""
    answer = await redemption.http.get(f"/v1/programs/{PROGRAM}/members/{member}/catalogue", params=query)
    assert answer.status_code == 200, answer.text
    return {offer["reward"]["reward_id"]: offer for offer in answer.json()["offers"]}


async def ask_quote(
    redemption: Redemption, *lines: Mapping[str, Any], key: str = "quote-1", member: str = "m-1"
) -> httpx.Response:
    return await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/{member}/quotes",
        json={"lines": list(lines)},
        headers={"Idempotency-Key": key},
    )
