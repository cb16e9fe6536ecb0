"""A wallet that cannot be saved is left to the next round, and nobody else's points or vouchers wait for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from pydantic import SecretStr

from services.redemption.sweepers.sweep_expiry import sweep_expiry
from services.redemption.sweepers.sweep_maturity import sweep_maturity
from services.redemption.sweepers.sweep_vouchers import sweep_vouchers
from shared.events.event import CausedEvent
from shared.events.points_expiring_soon import PointsExpiringSoon
from shared.events.points_granted import PointsGranted
from shared.events.points_matured import PointsMatured
from shared.events.voucher_ended import VoucherEnded
from shared.events.voucher_issued import VoucherIssued
from shared.runtime.http import ProblemError
from shared.runtime.service import Running
from tests.integration.redemption import shop
from tests.integration.redemption.harness import Redemption, Told, grant, long_ago

pytestmark = pytest.mark.asyncio(loop_scope="session")

_STUCK = ("m-3", "m-7")
_MEMBERS = [f"m-{number}" for number in range(1, 13)]
# What the ledger itself refuses: here all of two members, as a fault that nobody has found yet would.
_REFUSE = f"""
CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
CREATE TRIGGER refused BEFORE UPDATE ON lot FOR EACH ROW WHEN (OLD.member_id IN {_STUCK}) EXECUTE FUNCTION refused();
CREATE TRIGGER refused BEFORE UPDATE ON voucher_request FOR EACH ROW WHEN (OLD.member_id IN {_STUCK})
    EXECUTE FUNCTION refused();
CREATE TRIGGER refused BEFORE UPDATE ON voucher FOR EACH ROW WHEN (OLD.member_id IN {_STUCK})
    EXECUTE FUNCTION refused();
"""


async def _grant(redemption: Redemption, *, wait_days: int, life_days: int | None) -> None:
    """To each member two lots, whose times follow one another by minutes."""
    granted = []
    for number, member in enumerate(_MEMBERS):
        for lot in (1, 2):
            told = grant(f"{member}-{lot}", 100, member=member, wait_days=wait_days, life_days=life_days)
            granted.append(_later_by(told, timedelta(minutes=number)))
    await redemption.post(*granted)


def _later_by(told: Told, moved: timedelta) -> Told:
    assert isinstance(told.data, PointsGranted)
    times = {name: at + moved for name in ("available_at", "expires_at") if (at := getattr(told.data, name))}
    return Told(told.id, told.source, told.time, told.data.model_copy(update=times))


def _told(events: Sequence[CausedEvent]) -> set[str]:
    return {str(event.member_id) for event in events}


async def _assert_told_of_all_others_then_of_all(
    redemption: Redemption, sweep: Callable[[Running], Awaitable[None]], event: type[CausedEvent], table: str
) -> Sequence[CausedEvent]:
    """What is told of `event` once the stuck ones, of whom `table` changes, can be saved as well."""
    await redemption.running.pool.execute(_REFUSE)
    await sweep(redemption.running)
    assert _told(await redemption.published(event)) == set(_MEMBERS) - set(_STUCK)
    await redemption.running.pool.execute(f"DROP TRIGGER refused ON {table}")
    await sweep(redemption.running)
    told = await redemption.published(event)
    assert _told(told) == set(_MEMBERS)
    return told


async def test_maturities_of_all_others_are_posted_and_theirs_once_they_can_be(redemption: Redemption) -> None:
    await _grant(redemption, wait_days=60, life_days=None)
    await redemption.running.pool.execute("UPDATE lot SET available_at = granted_at + interval '1 day'")
    told = await _assert_told_of_all_others_then_of_all(redemption, sweep_maturity, PointsMatured, "lot")
    assert len(told) == 2 * len(_MEMBERS), "each lot once"
    await redemption.assert_books_hold()


async def test_notices_of_all_others_are_asked_for_and_theirs_once_they_can_be(redemption: Redemption) -> None:
    soon = (datetime.now(UTC) - long_ago()).days + 20
    await _grant(redemption, wait_days=0, life_days=soon)
    told = await _assert_told_of_all_others_then_of_all(redemption, sweep_expiry, PointsExpiringSoon, "lot")
    assert len(told) == len(_MEMBERS), "one notice for both lots of a date"
    await redemption.assert_books_hold()


async def test_vouchers_of_all_others_are_issued_and_theirs_once_they_can_be(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await redemption.post(*(shop.requested(member, member=member) for member in _MEMBERS))
    told = await _assert_told_of_all_others_then_of_all(redemption, sweep_vouchers, VoucherIssued, "voucher_request")
    assert len(told) == len(_MEMBERS), "each once"


async def test_vouchers_of_all_others_expire_and_theirs_once_they_can(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    for member in _MEMBERS:
        await shop.buy(redemption, "fifty", member=member, order=member, at=datetime.now(UTC) - timedelta(days=40))
    told = await _assert_told_of_all_others_then_of_all(redemption, sweep_vouchers, VoucherEnded, "voucher")
    assert len(told) == len(_MEMBERS), "each once"


async def test_a_missing_voucher_key_is_told_once_and_not_of_each_wallet(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await redemption.post(*(shop.requested(member, member=member) for member in _MEMBERS))
    keyless = redemption.running.settings.model_copy(update={"voucher_key": SecretStr("")})
    with pytest.raises(ProblemError, match="GREENPOINTS_VOUCHER_KEY"):
        await sweep_vouchers(replace(redemption.running, settings=keyless))


async def test_what_is_no_wallets_fault_is_raised(redemption: Redemption) -> None:
    await redemption.running.pool.execute("ALTER TABLE wallet RENAME TO mislaid")
    for sweep in (sweep_maturity, sweep_expiry):
        with pytest.raises(asyncpg.UndefinedTableError):
            await sweep(redemption.running)
