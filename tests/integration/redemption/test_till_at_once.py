"""A till's one statement writes what the step-by-step way writes, and leaves everything uncommon to it."""

from typing import Any

import orjson
import pytest

from services.redemption.domain.authorization import Authorization
from services.redemption.requests import authorize as authorizing
from services.redemption.routes import till as till_routes
from services.redemption.store import till
from shared.events.cloudevent import event_key
from tests.integration.redemption.harness import Redemption, grant, hold, long_ago, registered
from tests.integration.redemption.till import authorize, bill, capture, open_till, void

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What differs between two members by name alone.
_NAMES = ("id", "time", "lot_id", "grant_id", "authorization_id", "redemption_id", "causation_id", "correlation_id")
_NAMED = (*_NAMES, "subject", "partitionkey", "member_id", "body_hash", "releases_at", "idempotency_key")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which requests the database decided at once."""
    decided: list[str] = []
    ask, take = till.authorize_at_once, till.capture_at_once

    async def counted_ask(*arguments: Any) -> Authorization | None:
        answer = await ask(*arguments)
        decided.extend(["authorize"] if answer else [])
        return answer

    async def counted_take(*arguments: Any) -> Authorization | None:
        answer = await take(*arguments)
        decided.extend(["capture"] if answer else [])
        return answer

    monkeypatch.setattr(authorizing, "authorize_at_once", counted_ask)
    monkeypatch.setattr(till_routes, "capture_at_once", counted_take)
    return decided


async def _never(*_arguments: Any) -> None:
    return None


async def _written(redemption: Redemption, member: str) -> list[Any]:
    """Every row and event about the member, without names and instants."""
    pool = redemption.running.pool
    queries = (
        "SELECT from_account, to_account, points, cause_type FROM journal WHERE member_id = $1 ORDER BY entry_id",
        """SELECT points, amount_minor, currency, rate_points, rate_minor, step_points, offset_day_id, limited_by,
                  state, price_version, captured_points, captured_minor, receipt_id, merchant_id,
                  refunded_minor, given_back, releases_at - placed_at, ended_at IS NULL, redemption_id IS NULL
             FROM point_authorization WHERE member_id = $1 ORDER BY points""",
        """SELECT s.points, l.points AS of FROM authorization_share s JOIN lot l USING (lot_id)
            WHERE l.member_id = $1 ORDER BY 1""",
        "SELECT points, reason, available_before FROM redemption WHERE member_id = $1 ORDER BY 1",
        """SELECT a.points, l.points AS of FROM allocation a JOIN lot l USING (lot_id) WHERE l.member_id = $1
            ORDER BY 1""",
        "SELECT points, remaining, reserved, redeemed FROM lot WHERE member_id = $1 ORDER BY points",
    )
    rows: list[Any] = [[tuple(row) for row in await pool.fetch(query, member)] for query in queries]
    told = await pool.fetch("SELECT aggregatetype, type, event_id, payload, headers FROM outbox ORDER BY id")
    events = [(row, orjson.loads(row["payload"])) for row in told]
    mine = [(row, event) for row, event in events if event["subject"] == member]
    assert all(str(row["event_id"]) == event["id"] and row["headers"] is None for row, event in mine)
    rows += [(row["aggregatetype"], row["type"], _nameless(event)) for row, event in mine]
    causes = await pool.fetch(
        "SELECT DISTINCT cause_key, cause_id, cause_type FROM journal WHERE member_id = $1", member
    )
    assert all(
        row["cause_key"] == event_key("/redemption", row["cause_id"])
        for row in causes
        if "granted" not in row["cause_type"]
    )
    return rows


def _nameless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _nameless(part) for name, part in value.items() if name not in _NAMED}
    return [_nameless(part) for part in value] if isinstance(value, list) else value


async def test_both_ways_write_the_same(
    redemption: Redemption, at_once: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_till(redemption, share_cap="60%")
    for member in ("m-1", "m-2"):
        await redemption.post(
            grant(f"{member}-a", 300, member=member, at=long_ago(20), life_days=90),
            grant(f"{member}-b", 401, member=member, at=long_ago(30)),
            grant(f"{member}-c", 250, member=member, at=long_ago(25), life_days=60),
        )

    async def shop(member: str) -> None:
        shown = bill(5_000, 4_000, member=member, receipt_id="r-1")
        first = await authorize(redemption, "k1", shown, points=500)
        await authorize(redemption, "k2", shown, points=250)
        await authorize(redemption, "k3", {**shown, "lines": bill(1_000)["lines"]})
        answer = await capture(redemption, first["authorization_id"], receipt_id="r-2")
        assert answer.status_code == 200, answer.text

    await shop("m-1")
    assert at_once == ["authorize", "authorize", "authorize", "capture"]
    monkeypatch.setattr(authorizing, "authorize_at_once", _never)
    monkeypatch.setattr(till_routes, "capture_at_once", _never)
    await shop("m-2")
    assert await _written(redemption, "m-1") == await _written(redemption, "m-2")
    await redemption.assert_books_hold()


async def test_what_is_uncommon_is_decided_step_by_step(redemption: Redemption, at_once: list[str]) -> None:
    open_till(redemption)
    await redemption.post(registered("m-1"))
    await redemption.post(grant("due", 300, at=long_ago(30), wait_days=7))
    due = await authorize(redemption, "due", points=100)
    assert (due["points"], at_once) == (100, [])
    common = await authorize(redemption, "common", points=100)
    assert await authorize(redemption, "common", points=100) == common
    short = await authorize(redemption, "short", points=200)
    assert (short["points"], at_once) == (100, ["authorize"])
    assert (await capture(redemption, short["authorization_id"], points=100)).status_code == 200
    assert (await capture(redemption, short["authorization_id"])).status_code == 200
    assert at_once == ["authorize", "capture"]
    await void(redemption, due["authorization_id"])
    await redemption.running.pool.execute("UPDATE member SET listed_party = true")
    refused = await redemption.http.post(
        "/v1/programs/fruit-shop/authorizations", json={**bill(), "points": 100}, headers={"Idempotency-Key": "listed"}
    )
    assert refused.json()["code"] == "LISTED_PARTY"
    await redemption.running.pool.execute("UPDATE member SET listed_party = false")
    await redemption.post(hold("h"))
    held = await redemption.http.post(
        "/v1/programs/fruit-shop/authorizations", json={**bill(), "points": 100}, headers={"Idempotency-Key": "held"}
    )
    assert held.json()["code"] == "HELD_FOR_REVIEW"
    assert at_once == ["authorize", "capture"]
    await redemption.assert_books_hold()


async def test_what_the_clock_did_is_posted_before_points_are_reserved(
    redemption: Redemption, at_once: list[str]
) -> None:
    open_till(redemption)
    await redemption.post(
        grant("there", 300, at=long_ago(20)), grant("due", 200, at=long_ago(30), wait_days=7, life_days=60)
    )
    placed = await authorize(redemption, "k", points=100)
    reserved = await redemption.running.pool.fetch("SELECT reserved FROM lot ORDER BY points")
    assert [row["reserved"] for row in reserved] == [100, 0]
    await redemption.post(grant("late", 50, at=long_ago(30), wait_days=7))
    assert (await capture(redemption, placed["authorization_id"])).status_code == 200
    assert at_once == []
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM lot WHERE posted_state = 'pending'") == 0
    await redemption.assert_books_hold()
