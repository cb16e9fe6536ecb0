"""A manual tier floor: set by two persons, at once; the tier never falls below it until it is lifted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, record, started
from tests.integration.earning.test_corrections import Office, code
from tests.integration.earning.test_occasions import EFFECTS
from tests.integration.earning.test_tiers import tiered, told

DAY = timedelta(days=1)
PATH = f"/v1/programs/{PROGRAM}/tier-floors"
ASKED = {
    "floor_id": "f-1", "member_id": "ann", "tier_id": "gold", "reason": "our first customer", "evidence": "note-1",
    "person": "mei",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def office(database: Database) -> AsyncIterator[Office]:
    async with started(database.dsns["earning"], tiered()) as earning:
        await earning.register("ann")
        yield Office(earning)


async def ask(office: Office, **changes: Any) -> httpx.Response:
    return await office.send("POST", PATH, {**ASKED, **changes})


async def decide(office: Office, person: str, floor: str = "f-1", verdict: str = "approve") -> httpx.Response:
    body = {"verdict": verdict, "note": "seen the papers", "person": person}
    return await office.send("POST", f"{PATH}/{floor}/decisions", body)


async def set_floor(office: Office, floor: str, tier: str | None) -> None:
    await ask(office, floor_id=floor, tier_id=tier)
    await decide(office, "jun", floor)
    await office.earning.redeliver(EFFECTS, recorded=datetime.now(UTC))


async def changes(office: Office) -> list[tuple[str | None, str | None, str, str]]:
    return [each[:4] for each in await told(office.earning)]


async def test_two_persons_set_it_and_what_counts_changes_nothing_below_it(office: Office) -> None:
    for _ in range(2):
        assert code(await ask(office)) == (201, None)
    assert [one["floor_id"] for one in (await office.send("GET", PATH)).json()] == ["f-1"]
    assert code(await decide(office, "mei")) == (409, "SECOND_PERSON_REQUIRED")
    assert await office.earning.outbox(EFFECTS) == []
    for _ in range(2):
        assert code(await decide(office, "jun")) == (201, None)
    await office.earning.redeliver(EFFECTS, recorded=datetime.now(UTC))
    assert await changes(office) == [(None, "gold", "up", "floor")]
    assert (await office.send("GET", f"{PATH}/f-1")).json()["outcome"] == "updated"
    await office.earning.post(record("a", purchase("r1", "ann", 10_000)))
    assert await office.earning.balances() == {"ann": 100}, "judged before the floor was set: it happened before"
    assert (await changes(office))[1:] == [("gold", "gold", "kept", "qualified")]
    await office.earning.post(record("b", refund("x1", "r1", "ann", ("1", 10_000))))
    assert (await changes(office))[2:] == [("gold", "gold", "kept", "refunded")]
    await set_floor(office, "f-2", None)
    assert (await changes(office))[3:] == [("gold", None, "down", "floor")]


async def test_a_tier_that_ends_falls_to_the_floor_and_no_further(database: Database) -> None:
    """Gold by 300 points for 20 days; silver is made the floor before they are over, and nothing much is earned."""
    async with started(database.dsns["earning"], tiered(window={"rolling_days": 15})) as earning:
        office, later = Office(earning), NOW + 5 * DAY
        await earning.register("ann")
        await earning.post(record("a", purchase("r1", "ann", 30_000), ago=18 * DAY))
        await set_floor(office, "f-1", "silver")
        assert await changes(office) == [(None, "gold", "up", "qualified")], "gold is above the floor"
        await earning.post(record("b", purchase("r2", "ann", 100), ago=-5 * DAY, arrival=later))
        assert (await changes(office))[1:] == [("gold", "silver", "down", "validity_ended")]
        last = await earning.running.pool.fetchrow("SELECT * FROM tier_change ORDER BY place DESC LIMIT 1")
        assert last is not None
        assert (last["tier_after"], last["valid_until"]) == ("silver", None)
        facts = await earning.running.pool.fetchval("SELECT facts ->> 'tier' FROM receipt WHERE receipt_id = 'r2'")
        assert facts == "silver"


async def test_rules_see_the_floor_from_its_time_on(office: Office) -> None:
    earning = office.earning
    await set_floor(office, "f-1", "gold")
    soon = datetime.now(UTC) + timedelta(seconds=5)
    await earning.post(
        record("before", purchase("r1", "ann", 1_000), ago=4 * DAY),
        record("after", purchase("r2", "ann", 1_000), ago=NOW - soon, arrival=soon),
    )
    points = await earning.running.pool.fetch(
        "SELECT receipt_id, points FROM issued_grant JOIN receipt USING (receipt_key)"
    )
    assert {tuple(row) for row in points} == {("r1", 10), ("r2", 60)}, "gold earns 50 more"
    assert await changes(office) == [(None, "gold", "up", "floor")], "a late event is no reason to tell it again"


async def test_what_is_asked_must_be_known_and_said_alike(office: Office) -> None:
    assert code(await ask(office, tier_id="platinum")) == (404, "NOT_FOUND")
    assert code(await ask(office, member_id="nobody")) == (404, "NOT_FOUND")
    assert code(await office.send("POST", "/v1/programs/none/tier-floors", ASKED)) == (404, "NOT_FOUND")
    assert code(await ask(office, person=None)) == (422, "PERSON_MISSING")
    assert code(await ask(office)) == (201, None)
    assert code(await ask(office, tier_id="silver")) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert code(await decide(office, "jun", verdict="refuse")) == (201, None)
    assert code(await decide(office, "jun")) == (409, "ALREADY_DECIDED")
    with pytest.raises(asyncpg.CheckViolationError):
        await office.earning.running.pool.execute(
            "UPDATE tier_floor SET state = 'approved', decided_by = 'mei', event_id = gen_random_uuid(), "
            "event_key = gen_random_uuid()"
        )
    assert await office.earning.outbox(EFFECTS) == []
