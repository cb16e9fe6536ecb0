"""Debits by correction: whole or refused, out of what can be spent, and a deficit only where two persons said so."""

import asyncpg
import pytest

from shared.events.points_debited import PointsDebited
from tests.integration.redemption.harness import (
    Redemption,
    clawed_back,
    debited,
    grant,
    hold,
    long_ago,
    registered,
)


async def parts(redemption: Redemption, *names: str) -> tuple[object, ...]:
    shown = await redemption.balance()
    return tuple(shown[name] for name in names)


async def told(redemption: Redemption) -> list[PointsDebited]:
    return [event for event in await redemption.published(PointsDebited) if isinstance(event, PointsDebited)]


async def debits(redemption: Redemption) -> list[tuple[str, int, int, str | None]]:
    answer = await redemption.http.get("/v1/programs/fruit-shop/members/m-1/debits")
    return [(one["correction_id"], one["taken"], one["short"], one["code"]) for one in answer.json()["debits"]]


async def test_it_forfeits_what_expires_first_and_is_told_by_lot(redemption: Redemption) -> None:
    await redemption.post(grant("undated", 100), grant("dated", 50, life_days=365))
    await redemption.post(debited("c-1", 70))
    assert await parts(redemption, "available", "forfeited", "deficit", "lifetime") == (80, 70, 0, 150)
    (event,) = await told(redemption)
    assert [one.points for one in event.allocations] == [50, 20]
    assert (event.points, event.balance_before, event.balance_after, event.code) == (70, 150, 80, None)
    await redemption.post(debited("c-1", 70))
    assert await parts(redemption, "available") == (80,), "a repeat takes nothing"
    assert await debits(redemption) == [("c-1", 70, 0, None)]
    await redemption.assert_books_hold()


@pytest.mark.parametrize("asked", [100, 101])
async def test_beyond_the_balance_it_is_refused_as_a_whole(redemption: Redemption, asked: int) -> None:
    await redemption.post(grant("a", 100), grant("later", 500, wait_days=90))
    await redemption.post(debited("c-1", asked))
    code = None if asked == 100 else "INSUFFICIENT_POINTS"
    assert await debits(redemption) == [("c-1", 100 if code is None else 0, 0, code)]
    assert await parts(redemption, "available", "pending", "deficit") == (0 if code is None else 100, 500, 0)
    (event,) = await told(redemption)
    assert (event.asked, event.points, event.code) == (asked, 0 if code else asked, code)
    await redemption.assert_books_hold()


async def test_held_points_are_not_the_member_s_to_lose(redemption: Redemption) -> None:
    await redemption.post(grant("a", 100))
    await redemption.post(hold("h", "a", points=60))
    await redemption.post(debited("c-1", 70))
    assert await debits(redemption) == [("c-1", 0, 0, "HELD_FOR_REVIEW")]
    await redemption.assert_books_hold()


async def test_a_deficit_that_was_agreed_on_is_repaid_by_what_comes_next(redemption: Redemption) -> None:
    await redemption.post(grant("a", 100))
    assert (await redemption.spend(70, "k-1")).status_code == 201
    await redemption.post(debited("c-1", 100, deficit=True))
    assert await parts(redemption, "available", "forfeited", "deficit") == (0, 100, 70)
    await redemption.assert_books_hold()
    await redemption.post(clawed_back("r", 40, of="a"))
    assert await parts(redemption, "deficit") == (80,), "30 of the lot were forfeited and count as taken (points.md)"
    await redemption.assert_books_hold()
    await redemption.post(grant("b", 90))
    assert await parts(redemption, "available", "deficit", "lifetime") == (10, 0, 150)
    await redemption.assert_books_hold()


async def test_of_a_member_who_never_had_a_point_it_may_leave_a_deficit_too(redemption: Redemption) -> None:
    await redemption.post(registered("m-1"))
    await redemption.post(debited("c-1", 5), debited("c-2", 7, deficit=True))
    assert await parts(redemption, "forfeited", "deficit", "issued") == (7, 7, 0)
    assert set(await debits(redemption)) == {("c-2", 0, 7, None), ("c-1", 0, 0, "INSUFFICIENT_POINTS")}
    await redemption.assert_books_hold()


async def test_grant_and_debit_in_one_batch(redemption: Redemption) -> None:
    at = long_ago(3)
    await redemption.post(grant("a", 100, at=at), debited("c-1", 30, at=at), grant("b", 5, at=at))
    assert await parts(redemption, "available", "forfeited") == (75, 30)
    await redemption.assert_books_hold()


async def test_no_debit_is_owed_that_the_wallet_does_not_owe(redemption: Redemption) -> None:
    await redemption.post(grant("a", 10))
    with pytest.raises(asyncpg.CheckViolationError):
        await redemption.running.pool.execute(
            "INSERT INTO debit (debit_id, correction_id, program_id, member_id, asked, taken, short, debited_at)"
            " VALUES (gen_random_uuid(), 'x', 'fruit-shop', 'm-1', 3, 0, 3, now())"
        )
