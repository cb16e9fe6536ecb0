"""Balance, history, spending and look-through as a caller sees them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from services.redemption.sweepers.sweep_maturity import sweep_maturity
from shared.events.points_redeemed import PointsRedeemed
from tests.infrastructure.services import eventually
from tests.integration.redemption.harness import (
    PROGRAM,
    Redemption,
    clawed_back,
    grant,
    grant_id,
    long_ago,
    start,
    stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MEMBER = f"/v1/programs/{PROGRAM}/members/m-1"


async def test_every_coming_expiry_and_maturity_is_shown_by_instant(redemption: Redemption) -> None:
    day = long_ago(1)
    await redemption.post(
        grant("r1", 10, at=day, life_days=30),
        grant("r2", 20, at=day, life_days=60),
        grant("r3", 30, at=day, wait_days=7, life_days=30),
        grant("r4", 40, at=day, wait_days=9),
        grant("r5", 50, at=day, wait_days=None),
    )
    shown = await redemption.balance()
    assert [coming["points"] for coming in shown["expiries"]] == [40, 20]  # type: ignore[attr-defined]
    assert [coming["points"] for coming in shown["maturities"]] == [30, 40]  # type: ignore[attr-defined]
    assert (shown["pending"], shown["available"]) == (120, 30)


async def test_a_redemption_reaches_its_receipts(redemption: Redemption) -> None:
    await redemption.post(grant("receipt-1", 300, at=long_ago(20)), grant("receipt-7", 400))
    await redemption.post(grant("receipt-8", 5, at=long_ago(3)))
    answer = await redemption.spend(500, "till-1")
    assert answer.status_code == 201
    told = answer.json()
    chain = [(part["receipt_id"], part["points"]) for part in told["allocations"]]
    assert chain == [("receipt-receipt-7", 400), ("receipt-receipt-1", 100)]  # long_ago() is the older
    assert [part["source_id"] for part in told["allocations"]] == ["purchase-receipt-7", "purchase-receipt-1"]
    assert (told["available_before"], told["available_after"]) == (705, 205)
    look_through = await redemption.http.get(f"/v1/redemptions/{told['redemption_id']}")
    assert look_through.json() == told
    (event,) = await redemption.published(PointsRedeemed)
    assert isinstance(event, PointsRedeemed)
    assert event.redemption_id == told["redemption_id"]
    assert [part.grant_id for part in event.allocations] == [str(grant_id("receipt-7")), str(grant_id("receipt-1"))]
    assert (event.balance_before, event.balance_after, event.idempotency_key) == (705, 205, "till-1")
    await redemption.assert_books_hold()


async def test_one_key_is_one_redemption(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    first, again = await redemption.spend(40, "till-1"), await redemption.spend(40, "till-1")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    other = await redemption.spend(41, "till-1")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    other = await redemption.spend(40, "till-1", reason="something else")
    assert other.status_code == 409
    assert (await redemption.balance())["available"] == 60
    assert len(await redemption.published(PointsRedeemed)) == 1


async def test_a_refusal_names_the_amounts_in_both_languages_and_is_kept(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 500, at=long_ago(1), wait_days=7))
    refused = await redemption.spend(101, "till-1")
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    told = refused.json()
    assert (told["code"], told["points"], told["available"]) == ("INSUFFICIENT_POINTS", 101, 100)
    assert set(told["reason"]) == {"zh-CN", "en"}
    assert told["request_id"]
    kept = await redemption.running.pool.fetch("SELECT code, points, available FROM refusal")
    assert [tuple(row) for row in kept] == [("INSUFFICIENT_POINTS", 101, 100)]
    assert (await redemption.spend(100, "till-1")).status_code == 201  # the key was not used up
    await redemption.assert_books_hold()


@asynccontextmanager
async def no_redemption_is_written(redemption: Redemption) -> AsyncIterator[None]:
    """Requests begin, lock and read meanwhile, and wait with what they have decided until it ends."""
    third = await asyncpg.connect(redemption.running.settings.database.get_secret_value())
    try:
        async with third.transaction():
            await third.execute("LOCK TABLE allocation IN SHARE MODE")
            yield
    finally:
        await third.close()


async def until_waiting(redemption: Redemption, number: int, unless: "asyncio.Future[Any] | None" = None) -> None:
    """Wait until so many transactions wait for locks, or until `unless` is done, which then did not wait."""

    async def look() -> bool:
        waiting = await redemption.running.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(waiting == number) or (unless is not None and unless.done())

    await eventually(f"{number} transactions that wait", look, seconds=20, pause=0.01)


async def test_the_last_points_have_one_winner(redemption: Redemption) -> None:
    """Nobody can write before all have begun: who had not locked the wallet has read it by then."""
    await redemption.post(grant("r1", 100), grant("r2", 60))
    async with no_redemption_is_written(redemption):
        spending = asyncio.gather(*(redemption.spend(100, f"till-{n}") for n in range(6)))
        await until_waiting(redemption, 6)
    answers = await spending
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert (await redemption.balance())["available"] == 60
    await redemption.assert_books_hold()


async def test_a_claw_back_waits_for_a_request_that_has_read_the_wallet(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    async with no_redemption_is_written(redemption):
        spending = asyncio.ensure_future(redemption.spend(60, "till-1"))
        await until_waiting(redemption, 1)
        taking = asyncio.ensure_future(redemption.post(clawed_back("f1", 80, of="r1")))
        await until_waiting(redemption, 2, unless=taking)
        assert not taking.done()
    assert (await spending).status_code == 201
    await taking
    shown = await redemption.balance()
    assert (shown["redeemed"], shown["clawed_back"], shown["deficit"], shown["available"]) == (60, 80, 40, 0)
    await redemption.assert_books_hold()


async def test_one_key_sent_many_times_at_once_is_one_redemption(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    answers = await asyncio.gather(*(redemption.spend(10, "till-1") for _ in range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert (await redemption.balance())["available"] == 90


async def test_requests_refunds_and_sweeps_at_once_keep_the_books(redemption: Redemption) -> None:
    members = [f"m-{n}" for n in range(20)]
    other = await start(redemption.running.settings.database.get_secret_value())
    try:
        await redemption.post(*(grant(f"{m}-a", 100, member=m, at=long_ago(20), wait_days=7) for m in members))
        await asyncio.gather(
            *(redemption.spend(60, "till", member=m) for m in members),
            *(other.spend(60, "kiosk", member=m) for m in members),
            redemption.post(
                *(clawed_back(f"{m}-f", 80, of=f"{m}-a", member=m) for m in members),
                *(grant(f"{m}-b", 70, member=m, at=long_ago(20), wait_days=7) for m in members),
            ),
            sweep_maturity(redemption.running),
            sweep_maturity(other.running),
        )
        await sweep_maturity(other.running)
    finally:
        await stop(other)
    await redemption.assert_books_hold()
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM lot WHERE posted_state = 'pending'") == 0
    for member in members:
        shown = await redemption.balance(member)
        # 170 granted, 80 clawed back; the rest is spent, available, or spent and owed
        assert shown["available"] - shown["deficit"] + shown["redeemed"] == 90  # type: ignore[operator]
        assert not (shown["available"] and shown["deficit"])


async def test_the_journal_is_paged_newest_first(redemption: Redemption) -> None:
    await redemption.post(*(grant(f"r{n}", 10 + n) for n in range(5)))
    await redemption.spend(10, "till-1")
    first = (await redemption.http.get(f"{_MEMBER}/journal", params={"limit": 4})).json()
    assert [row["to_account"] for row in first["rows"]] == ["redeemed", "available", "available", "available"]
    rest = await redemption.http.get(f"{_MEMBER}/journal", params={"limit": 4, "before": first["next_before"]})
    told = rest.json()
    assert len(told["rows"]) == 2
    assert told["next_before"] is None
    ids = [row["entry_id"] for row in first["rows"] + told["rows"]]
    assert ids == sorted(ids, reverse=True)


async def test_lots_are_paged_newest_first(redemption: Redemption) -> None:
    await redemption.post(*(grant(f"r{n}", 10 + n, at=long_ago(30 - n)) for n in range(5)))
    seen: list[int] = []
    before: dict[str, str] = {}
    while True:
        page = (await redemption.http.get(f"{_MEMBER}/lots", params={"limit": "2", **before})).json()
        seen += [lot["points"] for lot in page["lots"]]
        if page["next_before"] is None:
            break
        before = {"before": page["next_before"]}
    assert seen == [14, 13, 12, 11, 10]


@pytest.mark.parametrize("path", ["balance", "journal", "lots"])
async def test_an_unknown_member_is_not_found_and_a_stranger_is_not_answered(redemption: Redemption, path: str) -> None:
    answer = await redemption.http.get(f"/v1/programs/{PROGRAM}/members/nobody/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    stranger = await redemption.http.get(f"{_MEMBER}/{path}", headers={"Authorization": "Bearer wrong"})
    assert stranger.status_code == 403
    assert (await redemption.spend(1, "till-1", member="nobody")).status_code == 404


async def test_a_member_id_may_hold_a_slash(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, member="card/7"))
    answer = await redemption.http.get(f"/v1/programs/{PROGRAM}/members/card%2F7/balance")
    assert answer.json()["available"] == 100


@pytest.mark.parametrize("body", [{"points": 0}, {"points": "5"}, {"points": 1.5}, {"points": True}, {"points": -5}])
async def test_a_wish_that_is_no_number_of_points_is_refused(redemption: Redemption, body: dict[str, object]) -> None:
    await redemption.post(grant("r1", 100))
    answer = await redemption.http.post(
        f"{_MEMBER}/redemptions", json={"reason": "x", **body}, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 422
    without_key = await redemption.http.post(f"{_MEMBER}/redemptions", json={"reason": "x", "points": 5})
    assert without_key.status_code == 422
    assert (await redemption.balance())["available"] == 100


async def test_an_unknown_redemption_is_not_found(redemption: Redemption) -> None:
    answer = await redemption.http.get(f"/v1/redemptions/{grant_id('none')}")
    assert answer.status_code == 404
