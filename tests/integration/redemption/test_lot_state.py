"""lot_state: the one answer to "pending, available or expired"."""

from datetime import datetime, timedelta

import pytest

from tests.integration.redemption.harness import Redemption, grant, long_ago

pytestmark = pytest.mark.asyncio(loop_scope="session")

_DAY = timedelta(days=1)
_JUST_BEFORE = timedelta(microseconds=-1)


async def _state(redemption: Redemption, moment: datetime) -> str:
    state: str = await redemption.running.pool.fetchval("SELECT lot_state(lot, $1) FROM lot", moment)
    return state


async def test_a_lot_is_pending_until_its_instant(redemption: Redemption) -> None:
    granted = long_ago(3)
    await redemption.post(grant("r1", 100, at=granted, wait_days=7))
    assert await _state(redemption, granted + 7 * _DAY + _JUST_BEFORE) == "pending"
    assert await _state(redemption, granted + 7 * _DAY) == "available"


async def test_a_lot_without_date_stays_pending(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, wait_days=None))
    assert await _state(redemption, long_ago(-9_000)) == "pending"


async def test_a_lot_never_expires_while_an_owed_notice_is_not_recorded(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, at=long_ago(60), life_days=30))
    assert await _state(redemption, long_ago(-9_000)) == "available"
    assert (await redemption.spend(100, "till-1")).status_code == 201


@pytest.mark.parametrize(
    ("life", "noticed", "expires"),
    [
        pytest.param(30, 23, 30, id="notice a week before: at its date"),
        pytest.param(30, 29, 36, id="notice a day before: a week after the notice"),
        pytest.param(2, 1, 3, id="a life of two days: two days after the notice"),
        pytest.param(30, 40, 47, id="notice after its date: a week after the notice"),
    ],
)
async def test_a_lot_expires_at_its_date_or_a_week_or_its_life_after_the_last_notice(
    redemption: Redemption, life: int, noticed: int, expires: int
) -> None:
    granted = long_ago(60)
    await redemption.post(grant("r1", 100, at=granted, life_days=life))
    await redemption.running.pool.execute("UPDATE lot SET last_notice_at = $1", granted + noticed * _DAY)
    assert await _state(redemption, granted + expires * _DAY + _JUST_BEFORE) == "available"
    assert await _state(redemption, granted + expires * _DAY) == "expired"


async def test_expired_points_are_shown_and_cannot_be_spent(redemption: Redemption) -> None:
    granted = long_ago(60)
    await redemption.post(grant("r1", 100, at=granted, life_days=30), grant("r2", 5))
    await redemption.running.pool.execute("UPDATE lot SET last_notice_at = $1 WHERE points = 100", granted + 23 * _DAY)
    shown = await redemption.balance()
    assert (shown["available"], shown["expired"], shown["expiries"]) == (5, 100, [])
    assert (await redemption.spend(6, "till-1")).status_code == 409
