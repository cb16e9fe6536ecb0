"""Expiry by inactivity and extensions: dates move on with the last grant or order, and never back (C20)."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import pytest

from services.redemption.sweepers.sweep_expiry import sweep_expiry
from shared.events.points_expired import PointsExpired
from shared.events.points_expiring_soon import PointsExpiringSoon
from shared.events.points_extended import PointsExtended
from shared.programs.expiry import start_of_day
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import PROGRAM, Redemption, grant, grant_id, hold, long_ago, start, stop
from tests.integration.redemption.storefront import open_shop
from tests.integration.redemption.test_expiry import expiring, give_all, notices_told
from tests.integration.redemption.till import authorize, open_till, void

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ZONE = ZoneInfo("Asia/Shanghai")
_IDLE = {"expiry": {"days": 100, "after": "inactivity"}}


def _after(at: datetime, days: int) -> datetime:
    """The first instant after so many days from the business day of `at`."""
    return start_of_day(at.astimezone(_ZONE).date() + timedelta(days=days + 1), _ZONE)


async def _dates(redemption: Redemption) -> dict[str, datetime]:
    rows = await redemption.running.pool.fetch("SELECT lot_id, expires_at FROM lot")
    return {str(row["lot_id"]): row["expires_at"] for row in rows}


async def _later(database: Database, redemption: Redemption, days: float) -> Redemption:
    later = await start(database.dsns["redemption"], shift_seconds=int(days * 86400))
    later.running.programs = redemption.running.programs
    later._offsets, later.epoch = redemption._offsets, redemption.epoch
    return later


async def _extend(redemption: Redemption, key: str = "e", **body: Any) -> httpx.Response:
    return await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/m-1/extensions",
        json={"reason": "the shop was closed", **body},
        headers={"Idempotency-Key": key},
    )


async def test_a_grant_dates_its_lot_from_its_own_day(redemption: Redemption) -> None:
    open_shop(redemption, _IDLE)
    await redemption.post(grant("r1", 100, at=long_ago(50)))
    assert await _dates(redemption) == {str(grant_id("r1")): _after(long_ago(50), 100)}
    row = await redemption.running.pool.fetchrow("SELECT active_at, granted_at FROM lot")
    assert row is not None
    assert row["active_at"] == row["granted_at"]


async def test_a_program_whose_points_never_expire_dates_nothing(redemption: Redemption) -> None:
    open_shop(redemption, {"expiry": "never"})
    await redemption.post(grant("r1", 100, at=long_ago(50)))
    assert await _dates(redemption) == {str(grant_id("r1")): None}


async def test_a_later_grant_moves_the_date_on_instead_of_a_notice(redemption: Redemption) -> None:
    open_shop(redemption, _IDLE)
    await redemption.post(grant("r1", 100, at=long_ago(90)), grant("r2", 5, at=long_ago(20)))
    shown = await redemption.balance()
    assert [each["points"] for each in cast(Any, shown["expiries"])] == [105], "the balance knows before the sweeper"
    await sweep_expiry(redemption.running)
    await sweep_expiry(redemption.running)
    assert await _dates(redemption) == dict.fromkeys(
        [str(grant_id("r1")), str(grant_id("r2"))], _after(long_ago(20), 100)
    )
    assert await redemption.published(PointsExpiringSoon) == []
    [told] = await redemption.published(PointsExtended)
    assert isinstance(told, PointsExtended)
    assert (told.reason, [lot.points for lot in told.lots]) == ("activity", [100])
    assert told.lots[0].expires_before == _after(long_ago(90), 100)


async def test_an_order_counts_as_an_activity(redemption: Redemption) -> None:
    open_shop(redemption, _IDLE)
    await redemption.post(grant("r1", 100, at=long_ago(90)))
    assert (await redemption.spend(1, "k")).status_code == 201
    await sweep_expiry(redemption.running)
    assert await _dates(redemption) == {str(grant_id("r1")): _after(datetime.now(UTC), 100)}


async def test_who_stays_away_is_warned_and_loses_the_points(redemption: Redemption, database: Database) -> None:
    open_shop(redemption, _IDLE)
    await redemption.post(grant("r1", 100, at=long_ago(95)))
    await sweep_expiry(redemption.running)
    assert [notice.days for notice in await notices_told(redemption)] == [7]
    await give_all(redemption)
    later = await _later(database, redemption, 8)
    try:
        await sweep_expiry(later.running)
        assert (await later.balance())["expired"] == 100
        await later.assert_books_hold()
    finally:
        await stop(later)


async def test_who_comes_back_after_the_last_notice_loses_nothing_though_nobody_swept(
    redemption: Redemption, database: Database
) -> None:
    open_shop(redemption, _IDLE)
    await redemption.post(grant("r1", 100, at=long_ago(95)))
    await sweep_expiry(redemption.running)
    await give_all(redemption)
    await redemption.post(grant("r2", 5, at=long_ago(0)))  # active again, before the date
    later = await _later(database, redemption, 8)
    try:
        assert (await later.balance())["available"] == 105, "the clock alone does not expire it"
        assert (await later.spend(1, "k")).status_code == 201
        await sweep_expiry(later.running)
        assert await later.published(PointsExpired) == []
        assert (await _dates(later))[str(grant_id("r1"))] == _after(datetime.now(UTC) + timedelta(days=8), 100)
        await later.assert_books_hold()
    finally:
        await stop(later)


async def test_who_comes_back_too_late_has_lost_them(redemption: Redemption, database: Database) -> None:
    open_shop(redemption, _IDLE)
    await redemption.post(grant("r1", 100, at=long_ago(95)))
    await sweep_expiry(redemption.running)
    await give_all(redemption)
    later = await _later(database, redemption, 9)
    try:
        await later.post(grant("r2", 5, at=datetime.now(UTC) + timedelta(days=9)))
        shown = await later.balance()
        assert (shown["available"], shown["expired"]) == (5, 100)
    finally:
        await stop(later)


async def test_an_operator_extends_all_that_would_expire_sooner(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, 10), expiring("r2", 50, 90), grant("r3", 5))
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=60)
    answer = await _extend(redemption, expires_at=until.isoformat())
    assert answer.status_code == 201, answer.text
    assert [lot["lot_id"] for lot in answer.json()["lots"]] == [str(grant_id("r1"))]
    assert (await _extend(redemption, expires_at=until.isoformat())).json() == answer.json()
    assert (await _extend(redemption, expires_at=None)).json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    [told] = await redemption.published(PointsExtended)
    assert isinstance(told, PointsExtended)
    assert (told.reason, told.note, told.lots[0].expires_at) == ("operator", "the shop was closed", until)
    await sweep_expiry(redemption.running)
    assert await redemption.published(PointsExpiringSoon) == []


async def test_nobody_extends_into_the_past(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, 50), grant("r2", 5))
    sooner = (datetime.now(UTC) + timedelta(days=49)).isoformat()
    for name in ("r1", "r2"):
        refused = await _extend(redemption, name, expires_at=sooner, lot_ids=[str(grant_id(name))])
        assert (refused.status_code, refused.json()["code"]) == (409, "EXPIRY_SHORTENED")
        assert refused.json()["control"] == "C20"
    assert await redemption.published(PointsExtended) == []
    other = await _extend(redemption, "k", expires_at=None, lot_ids=[str(grant_id("another's"))])
    assert (other.status_code, other.json()["code"]) == (409, "NOT_ELIGIBLE")


@pytest.mark.parametrize("named", [True, False])
async def test_a_lot_that_a_till_has_reserved_as_a_whole_is_extended_too(redemption: Redemption, named: bool) -> None:
    open_till(redemption)
    await redemption.post(expiring("r1", 100, 10))
    placed = await authorize(redemption, "k", points=100)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=60)
    lot = str(grant_id("r1"))
    answer = await _extend(redemption, expires_at=until.isoformat(), lot_ids=[lot] if named else None)
    assert answer.status_code == 201, answer.text
    assert [each["lot_id"] for each in answer.json()["lots"]] == [lot]
    assert (await void(redemption, placed["authorization_id"])).is_success
    assert await _dates(redemption) == {lot: until}
    await redemption.assert_books_hold()


async def test_for_ever_is_an_extension_too(redemption: Redemption) -> None:
    await redemption.post(expiring("r1", 100, -1))
    await redemption.post(hold("h", "r1"))
    answer = await _extend(redemption, expires_at=None, lot_ids=[str(grant_id("r1"))])
    assert answer.status_code == 201, answer.text
    assert await _dates(redemption) == {str(grant_id("r1")): None}
    await redemption.assert_books_hold()
