"""Expiry: warned 30 and 7 days before, expired only once the warnings are recorded (C20)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import asyncpg
import pytest

from services.redemption.give_back import give_back
from services.redemption.store.queries import lock_wallet, read_clock
from services.redemption.store.restorations import read_spent
from services.redemption.store.save import save_under_lock
from services.redemption.sweepers.sweep_expiry import sweep_expiry
from shared.events.cloudevent import derived_id
from shared.events.message_sent import MessageSent
from shared.events.points_expired import PointsExpired
from shared.events.points_expiring_soon import PointsExpiringSoon
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import (
    PROGRAM,
    Redemption,
    Told,
    clawed_back,
    grant,
    grant_id,
    hold,
    long_ago,
    released,
    start,
    stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_DAY = timedelta(days=1)


def expiring(name: str, points: int, in_days: float, *, age_days: int = 100, member: str = "m-1") -> Told:
    """A grant of `age_days` ago whose points expire `in_days` from now."""
    told = grant(name, points, member=member, at=long_ago(age_days))
    moved = told.data.model_copy(update={"expires_at": datetime.now(UTC).replace(microsecond=0) + in_days * _DAY})
    return Told(told.id, told.source, told.time, moved)


def _given(notice: PointsExpiringSoon, event_id: str, name: str = "m") -> Told:
    data = MessageSent(
        program_id=PROGRAM,
        member_id=notice.member_id,
        causation_id=event_id,
        correlation_id=notice.correlation_id,
        message_id=str(derived_id("/tests", f"{event_id}/{name}", "message")),
        template="points_expiring",
        channel="in_app",
        lot_ids=notice.lot_ids,
    )
    return Told(f"sent-{event_id}-{name}", "/notification", datetime.now(UTC), data)


async def notices_told(redemption: Redemption) -> list[PointsExpiringSoon]:
    return [cast(PointsExpiringSoon, each) for each in await redemption.published(PointsExpiringSoon)]


async def _ids(redemption: Redemption) -> list[str]:
    rows = await redemption.running.pool.fetch(
        "SELECT event_id FROM outbox WHERE type = $1 ORDER BY id", PointsExpiringSoon.TYPE
    )
    return [str(row["event_id"]) for row in rows]


async def give_all(redemption: Redemption) -> None:
    told = zip(await notices_told(redemption), await _ids(redemption), strict=True)
    await redemption.post(*[_given(notice, event_id) for notice, event_id in told])


async def _sweep(redemption: Redemption) -> None:
    await sweep_expiry(redemption.running)
    await redemption.assert_books_hold()


async def _later(database: Database, days: float) -> Redemption:
    """The same books as the service sees them `days` later."""
    return await start(database.dsns["redemption"], shift_seconds=int(days * 86400))


async def test_nothing_is_told_before_its_day(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, 31))
    await _sweep(redemption)
    assert await notices_told(redemption) == []


async def test_the_notice_of_30_days_names_all_lots_of_the_date_and_is_told_once(redemption: Redemption) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + 20 * _DAY
    events = [expiring("r1", 100, 20), expiring("r2", 50, 20), expiring("r3", 7, 40)]
    events = [Told(e.id, e.source, e.time, e.data.model_copy(update={"expires_at": at})) for e in events[:2]] + events[
        2:
    ]
    await redemption.post(*events)
    await _sweep(redemption)
    await _sweep(redemption)
    [notice] = await notices_told(redemption)
    assert (notice.days, notice.points, notice.expires_at) == (30, 150, at)
    assert set(notice.lot_ids) == {str(grant_id("r1")), str(grant_id("r2"))}


async def test_a_lot_without_its_notice_stays_spendable_past_its_date(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, -1))
    await _sweep(redemption)
    [notice] = await notices_told(redemption)
    assert notice.days == 7, "one notice for who comes too late for both"
    assert (await redemption.balance())["available"] == 100
    assert await redemption.published(PointsExpired) == []
    assert (await redemption.spend(30, "k")).status_code == 201


async def test_a_late_notice_puts_expiry_off_by_seven_days(redemption: Redemption, database: Database) -> None:
    await redemption.post(expiring("r1", 100, -1))
    await _sweep(redemption)
    await give_all(redemption)
    await _sweep(redemption)
    assert (await redemption.balance())["available"] == 100
    for days, left in ((6.9, 100), (7.1, 0)):
        later = await _later(database, days)
        try:
            await _sweep(later)
            shown = await later.balance()
        finally:
            await stop(later)
        assert (shown["available"], shown["expired"]) == (left, 100 - left)
    [gone] = await redemption.published(PointsExpired)
    assert isinstance(gone, PointsExpired)
    assert (gone.points, gone.balance_before, gone.balance_after) == (100, 100, 0)


async def test_both_notices_given_in_time_the_lot_expires_on_its_date(
    redemption: Redemption, database: Database
) -> None:
    await redemption.post(expiring("r1", 100, 20), grant("r2", 5))
    await _sweep(redemption)
    await give_all(redemption)
    before = await _later(database, 12.6)
    try:
        before._offsets, before.epoch = redemption._offsets, redemption.epoch
        await _sweep(before)
        assert [notice.days for notice in await notices_told(before)] == [30, 7]
        last, event_id = (await notices_told(before))[-1], (await _ids(before))[-1]
        await before.post(_given(last, event_id))
    finally:
        await stop(before)
    for days, expired in ((19.9, 0), (20.1, 100)):
        later = await _later(database, days)
        try:
            await _sweep(later)
            await _sweep(later)
            shown = await later.balance()
        finally:
            await stop(later)
        assert (shown["available"], shown["expired"]) == (105 - expired, expired)
    [gone] = await redemption.published(PointsExpired)
    assert isinstance(gone, PointsExpired)
    assert (gone.expired_at, gone.balance_before, gone.balance_after) == (last.expires_at, 105, 5)


async def test_the_first_notice_alone_is_not_enough(redemption: Redemption, database: Database) -> None:
    await redemption.post(expiring("r1", 100, 20))
    await _sweep(redemption)
    await give_all(redemption)
    later = await _later(database, 40)
    try:
        await _sweep(later)
        assert (await later.balance())["available"] == 100
    finally:
        await stop(later)


async def test_a_second_message_of_a_notice_and_a_repeat_change_nothing(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, -1))
    await _sweep(redemption)
    [notice], [event_id] = await notices_told(redemption), await _ids(redemption)
    given = _given(notice, event_id)
    await redemption.post(given)
    first = await redemption.running.pool.fetchrow("SELECT * FROM expiry_notice")
    fates = await redemption.post(given, _given(notice, event_id, "by e-mail"))
    assert fates == {"applied": 2, "duplicate": 1}
    assert await redemption.running.pool.fetchrow("SELECT * FROM expiry_notice") == first


async def test_a_spent_lot_owes_no_notice_until_points_come_back(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, 20))
    assert (await redemption.spend(100, "k")).status_code == 201
    await _sweep(redemption)
    assert await notices_told(redemption) == []
    assert await redemption.running.pool.fetchval("SELECT expiry_due_at FROM lot") is None
    await _give_back(redemption, 40)
    await _sweep(redemption)
    assert [(notice.days, notice.points) for notice in await notices_told(redemption)] == [(30, 40)]


async def _give_back(redemption: Redemption, points: int) -> None:
    """So many points of the only redemption, as a returned order gives them back."""
    member = (PROGRAM, "m-1")
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, member)
        assert desk is not None
        spent = await connection.fetchval("SELECT redemption_id FROM redemption")
        out = (await read_spent(connection, desk, member, [spent]))[spent]
        give_back(
            desk,
            member,
            out,
            points,
            restoration_id=derived_id("/tests", "back", "restoration"),
            because="return-1",
            story="story-1",
            at=await read_clock(connection),
            reason="returned",
        )
        await save_under_lock(connection, desk)


async def test_a_released_lot_lives_on_and_is_warned_anew(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, -1))
    await _sweep(redemption)
    await give_all(redemption)
    await redemption.post(hold("h", "r1", at=long_ago(1)))
    await redemption.post(released("h", at=long_ago(0)))
    await _sweep(redemption)
    assert [(notice.days, notice.points) for notice in await notices_told(redemption)] == [(7, 100), (30, 100)]
    row = await redemption.running.pool.fetchrow("SELECT expires_at, last_notice_at FROM lot")
    assert row is not None
    assert row["expires_at"] > datetime.now(UTC) + 29 * _DAY
    assert row["last_notice_at"] is None


async def test_points_that_expired_count_as_taken_by_a_claw_back(redemption: Redemption, database: Database) -> None:
    await redemption.post(expiring("r1", 100, -1))
    await _sweep(redemption)
    await give_all(redemption)
    later = await _later(database, 8)
    try:
        later._offsets, later.epoch = redemption._offsets, redemption.epoch
        await later.post(clawed_back("f1", 40, of="r1"))  # nobody swept: the claw-back posts the expiry first
        shown = await later.balance()
        await later.assert_books_hold()
    finally:
        await stop(later)
    assert (shown["expired"], shown["clawed_back"], shown["deficit"]) == (60, 40, 0)


async def test_several_sweepers_at_once_tell_and_expire_once(redemption: Redemption, database: Database) -> None:
    await redemption.post(*[expiring(f"r{n}", 10, -1, member=f"m-{n % 20}") for n in range(60)])
    await asyncio.gather(*[sweep_expiry(redemption.running) for _ in range(4)])
    told = [lot for notice in await notices_told(redemption) for lot in notice.lot_ids]
    assert (len(told), len(set(told))) == (60, 60)
    await give_all(redemption)
    later = await _later(database, 8)
    try:
        await asyncio.gather(*[sweep_expiry(later.running) for _ in range(4)])
        await later.assert_books_hold()
    finally:
        await stop(later)
    gone = [cast(PointsExpired, each) for each in await redemption.published(PointsExpired)]
    assert (len(gone), sum(each.points for each in gone)) == (60, 600)


async def test_no_one_shortens_a_life_that_was_promised(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, 50), grant("r2", 5))
    pool = redemption.running.pool
    with pytest.raises(asyncpg.CheckViolationError, match="EXPIRY_SHORTENED"):
        await pool.execute("UPDATE lot SET expires_at = expires_at - interval '1 second' WHERE expires_at IS NOT NULL")
    with pytest.raises(asyncpg.CheckViolationError, match="EXPIRY_SHORTENED"):
        await pool.execute("UPDATE lot SET expires_at = 'tomorrow' WHERE expires_at IS NULL")
    await pool.execute("UPDATE lot SET expires_at = expires_at + interval '1 day' WHERE expires_at IS NOT NULL")
