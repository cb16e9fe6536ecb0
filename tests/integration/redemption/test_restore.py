"""Spent points go back to their lots, or to a child lot where the date has passed; a deficit is repaid first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from services.redemption.domain.restore import RestoreRefusedError
from services.redemption.give_back import give_back
from services.redemption.outcomes import redemption_id
from services.redemption.store.queries import lock_wallet
from services.redemption.store.restorations import read_spent
from services.redemption.store.save import save_under_lock
from shared.events.cloudevent import derived_id
from shared.events.points_held import PointsHeld
from shared.events.points_restored import PointsRestored
from shared.events.points_set_off import PointsSetOff
from tests.integration.redemption.harness import PROGRAM, Redemption, clawed_back, grant, grant_id, hold, long_ago

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MEMBER = (PROGRAM, "m-1")


async def _restore(redemption: Redemption, key: str, points: int, cause: str, at: datetime | None = None) -> None:
    spent_by = redemption_id(_MEMBER, key)
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, _MEMBER)
        assert desk is not None
        spent = (await read_spent(connection, desk, _MEMBER, [spent_by]))[spent_by]
        give_back(
            desk,
            _MEMBER,
            spent,
            points,
            restoration_id=derived_id("/tests", cause, "restoration"),
            because=cause,
            story="story",
            at=at or datetime.now(UTC),
            reason="returned",
        )
        await save_under_lock(connection, desk)


async def _lots(redemption: Redemption) -> list[tuple[object, ...]]:
    rows = await redemption.running.pool.fetch(
        """SELECT l.points, l.remaining, l.redeemed, l.passed_on, p.points AS of FROM lot l
             LEFT JOIN lot p ON p.lot_id = l.child_of ORDER BY l.granted_at, l.lot_id"""
    )
    return [tuple(row) for row in rows]


async def test_points_go_back_to_their_lots_the_last_spent_first(redemption: Redemption) -> None:
    await redemption.post(
        grant("a", 300, at=long_ago(30), life_days=90), grant("b", 400, at=long_ago(29), life_days=365)
    )
    await redemption.spend(500, "k")
    await _restore(redemption, "k", 250, "return-1")
    assert await _lots(redemption) == [(300, 50, 250, 0, None), (400, 400, 0, 0, None)]
    await _restore(redemption, "k", 250, "return-2")
    assert await _lots(redemption) == [(300, 300, 0, 0, None), (400, 400, 0, 0, None)]
    shown = await redemption.balance()
    assert (shown["available"], shown["redeemed"], shown["issued"]) == (700, 0, 700)
    told = await redemption.published(PointsRestored)
    assert [(each.points, each.balance_before, each.balance_after) for each in told] == [  # type: ignore[attr-defined]
        (250, 200, 450),
        (250, 450, 700),
    ]
    await redemption.assert_books_hold()


async def test_no_more_goes_back_than_was_spent(redemption: Redemption) -> None:
    await redemption.post(grant("a", 300))
    await redemption.spend(200, "k")
    await _restore(redemption, "k", 150, "return-1")
    with pytest.raises(RestoreRefusedError):
        await _restore(redemption, "k", 51, "return-2")
    with pytest.raises(asyncpg.UniqueViolationError):
        await _restore(redemption, "k", 50, "return-1")
    assert (await redemption.balance())["available"] == 250
    with pytest.raises(asyncpg.CheckViolationError, match="given back than it took"):
        await redemption.running.pool.execute(
            "WITH more AS (UPDATE restored_share SET points = 201) UPDATE restoration SET points = 201"
        )
    await redemption.assert_books_hold()


async def test_a_lot_whose_date_has_passed_gets_a_child_that_lives_30_days(redemption: Redemption) -> None:
    await redemption.post(grant("a", 300, at=long_ago(30), life_days=40), grant("b", 100, at=long_ago(29)))
    await redemption.spend(350, "k")
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    await _restore(redemption, "k", 350, "return-1", at=later)
    assert await _lots(redemption) == [
        (300, 0, 0, 300, None),
        (100, 100, 0, 0, None),
        (300, 300, 0, 0, 300),
    ]
    (told,) = await redemption.published(PointsRestored)
    assert isinstance(told, PointsRestored)
    (child,) = [each for each in told.allocations if each.child_of]
    assert (child.child_of, child.grant_id, child.points) == (str(grant_id("a")), str(grant_id("a")), 300)
    assert child.expires_at == later + timedelta(days=30)
    shown = await redemption.balance()
    assert (shown["issued"], shown["available"], shown["redeemed"], shown["lifetime"]) == (400, 400, 0, 400)
    cost = await redemption.running.pool.fetchval("SELECT expected_cost_minor FROM lot WHERE child_of IS NOT NULL")
    assert cost == 1500
    await redemption.assert_books_hold()


async def test_a_child_can_be_spent_and_given_back_and_clawed_back(redemption: Redemption) -> None:
    await redemption.post(grant("a", 300, at=long_ago(30), life_days=40))
    await redemption.spend(300, "k")
    later = datetime.now(UTC) + timedelta(days=20)
    await _restore(redemption, "k", 300, "return-1", at=later)
    assert (await redemption.spend(200, "k2")).status_code == 201
    await _restore(redemption, "k2", 50, "return-2", at=later)
    await _restore(redemption, "k2", 50, "return-3", at=later + timedelta(days=60))
    # 100 spent; child 250 (150 free), grandchild 50 free: the refund takes its own 200 and leaves a deficit of 100
    await redemption.post(clawed_back("f", 300, of="a"))
    shown = await redemption.balance()
    assert (shown["available"], shown["clawed_back"], shown["redeemed"], shown["deficit"]) == (0, 300, 100, 100)
    (taken,) = await redemption.running.pool.fetch("SELECT taken, set_off, deficit FROM claw_back")
    assert tuple(taken) == (200, 0, 100)
    await redemption.assert_books_hold()


async def test_a_deficit_is_repaid_first(redemption: Redemption) -> None:
    await redemption.post(grant("a", 300), grant("b", 50))
    await redemption.spend(350, "k")
    await redemption.post(clawed_back("f", 100, of="a"))
    await _restore(redemption, "k", 120, "return-1")
    shown = await redemption.balance()
    assert (shown["available"], shown["deficit"], shown["redeemed"]) == (20, 0, 230)
    (told,) = await redemption.published(PointsRestored)
    assert isinstance(told, PointsRestored)
    assert (told.balance_after, told.deficit_set_off) == (120, 100)
    assert sum(each.points for each in await redemption.published(PointsSetOff)) == 100  # type: ignore[attr-defined]
    await redemption.assert_books_hold()


async def test_what_an_open_hold_waits_for_it_binds_before(redemption: Redemption) -> None:
    await redemption.post(grant("a", 300, at=long_ago(30), life_days=40))
    await redemption.spend(300, "k")
    await redemption.post(hold("h", points=80))
    later = datetime.now(UTC) + timedelta(days=20)
    await _restore(redemption, "k", 100, "return-1", at=later)
    shown = await redemption.balance()
    assert (shown["available"], shown["held"]) == (20, 80)
    bound = [each.points for each in await redemption.published(PointsHeld)]  # type: ignore[attr-defined]
    assert bound == [0, 80]
    share = await redemption.running.pool.fetchval("SELECT child_of FROM hold_share JOIN lot USING (lot_id)")
    assert share == UUID(str(grant_id("a")))
    await redemption.assert_books_hold()


async def test_what_was_passed_on_is_what_the_children_have(redemption: Redemption) -> None:
    await redemption.post(grant("a", 300, at=long_ago(30), life_days=40))
    await redemption.spend(300, "k")
    await _restore(redemption, "k", 100, "return-1", at=datetime.now(UTC) + timedelta(days=20))
    with pytest.raises(asyncpg.CheckViolationError, match="passed on"):
        await redemption.running.pool.execute(
            "UPDATE lot SET passed_on = passed_on - 1, redeemed = redeemed + 1 WHERE child_of IS NULL"
        )
