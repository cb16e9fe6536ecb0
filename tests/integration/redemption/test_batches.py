"""What becomes of grants and claw-backs in the books."""

import pytest

from services.redemption.sweepers.sweep_maturity import sweep_maturity
from shared.events.points_matured import PointsMatured
from shared.events.points_set_off import PointsSetOff
from shared.events.points_taken_back import PointsTakenBack
from tests.integration.redemption.harness import (
    Redemption,
    clawed_back,
    declined,
    grant,
    long_ago,
    registered,
    scheduled,
    start,
    stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_grant_becomes_one_lot_and_a_balance(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 128, at=long_ago(1), wait_days=7, life_days=365), grant("r2", 50))
    shown = await redemption.balance()
    assert {k: shown[k] for k in ("issued", "pending", "available", "lifetime", "deficit")} == {
        "issued": 178,
        "pending": 128,
        "available": 50,
        "lifetime": 50,
        "deficit": 0,
    }
    assert [coming["points"] for coming in shown["expiries"]] == [128]  # type: ignore[attr-defined]
    assert [coming["points"] for coming in shown["maturities"]] == [128]  # type: ignore[attr-defined]
    await redemption.assert_books_hold()


async def test_a_repeated_grant_pays_nothing_whether_the_inbox_remembers_it_or_not(redemption: Redemption) -> None:
    assert await redemption.post(grant("r1", 100), grant("r1", 100)) == {"applied": 1, "duplicate": 1}
    await redemption.running.pool.execute("DELETE FROM inbox")
    fates = await redemption.post(grant("r1", 100), grant("r1", 100, event="another-event-of-the-same-grant"))
    assert fates == {"applied": 1, "duplicate": 3}
    assert (await redemption.balance())["issued"] == 100
    await redemption.assert_books_hold()


async def test_a_repeated_claw_back_takes_nothing(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), clawed_back("f1", 40, of="r1"), clawed_back("f1", 40, of="r1"))
    await redemption.running.pool.execute("DELETE FROM inbox")
    assert await redemption.post(clawed_back("f1", 40, of="r1")) == {"applied": 2, "duplicate": 2}
    shown = await redemption.balance()
    assert (shown["available"], shown["clawed_back"]) == (60, 40)
    await redemption.assert_books_hold()


async def test_a_spent_grant_leaves_a_deficit_that_the_next_grant_repays_first(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 300))
    assert (await redemption.spend(250, "till-1")).status_code == 201
    await redemption.post(clawed_back("f1", 300, of="r1"))
    shown = await redemption.balance()
    assert (shown["available"], shown["deficit"], shown["clawed_back"]) == (0, 250, 300)
    await redemption.post(grant("r2", 400))
    shown = await redemption.balance()
    assert (shown["available"], shown["deficit"]) == (150, 0)
    (told,) = await redemption.published(PointsTakenBack)
    assert isinstance(told, PointsTakenBack)
    assert [(part.points, part.from_state) for part in told.allocations] == [(50, "available")]
    assert (told.deficit_before, told.deficit_after) == (0, 250)
    (repaid,) = await redemption.published(PointsSetOff)
    assert isinstance(repaid, PointsSetOff)
    assert (repaid.points, repaid.deficit_before, repaid.deficit_after) == (250, 250, 0)
    await redemption.assert_books_hold()


async def test_the_golden_path_within_one_batch_and_over_two_is_the_same(redemption: Redemption) -> None:
    day = long_ago(3)
    for member in ("together", "apart"):
        events = (
            grant(member, 128, member=member, at=day, wait_days=7),
            clawed_back(member, 28, of=member, member=member, at=day),
        )
        for batch in (events,) if member == "together" else [(each,) for each in events]:
            await redemption.post(*batch)
    shown = [await redemption.balance(member) for member in ("together", "apart")]
    assert [(each["pending"], each["clawed_back"], each["available"]) for each in shown] == [(100, 28, 0)] * 2
    await redemption.assert_books_hold()


@pytest.mark.parametrize(("policy", "waived", "available"), [("within_balance", 70, 0), ("only_pending", 100, 30)])
async def test_policies_that_leave_no_deficit_waive_in_the_journal(
    redemption: Redemption, policy: str, waived: int, available: int
) -> None:
    await redemption.post(grant("r1", 100, at=long_ago(31)), grant("r2", 30))
    await redemption.spend(100, "till-1")
    await redemption.post(clawed_back("f1", 100, of="r1", policy=policy))  # type: ignore[arg-type]
    shown = await redemption.balance()
    assert (shown["waived"], shown["available"], shown["deficit"]) == (waived, available, 0)
    await redemption.assert_books_hold()


async def test_a_claw_back_that_does_not_fit_is_a_dead_letter_and_its_neighbours_stand(redemption: Redemption) -> None:
    fates = await redemption.post(
        grant("r1", 100),
        clawed_back("unknown", 10, of="never-granted"),
        clawed_back("stranger", 10, of="r1", member="m-2"),
        clawed_back("too-much", 101, of="r1"),
        clawed_back("fits", 100, of="r1"),
    )
    assert fates == {"applied": 2, "dead_lettered": 3}
    letters = await redemption.running.pool.fetch("SELECT code, message FROM dead_letter ORDER BY record_offset")
    assert {letter["code"] for letter in letters} == {"OVER_REFUND"}
    assert "is not in this member's wallet" in letters[0]["message"]
    assert "100 points that were not yet clawed back, and 101" in letters[2]["message"]
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM wallet") == 1
    await redemption.assert_books_hold()


async def test_what_was_declined_is_ignored_and_a_registered_member_has_an_empty_wallet(
    redemption: Redemption,
) -> None:
    assert await redemption.post(declined("r1")) == {"ignored": 1}
    assert await redemption.post(registered("newcomer"), registered("newcomer")) == {"applied": 1, "duplicate": 1}
    assert (await redemption.balance("newcomer"))["issued"] == 0


async def test_maturity_is_posted_once_at_its_own_instant_and_repays_a_deficit(redemption: Redemption) -> None:
    old = long_ago(20)
    await redemption.post(grant("r1", 300))
    await redemption.spend(250, "till-1")
    await redemption.post(clawed_back("f1", 300, of="r1"), grant("r2", 400, at=old, wait_days=7))
    assert (await redemption.balance())["deficit"] == 0  # what spending would see
    await sweep_maturity(redemption.running)
    await sweep_maturity(redemption.running)
    (told,) = await redemption.published(PointsMatured)
    assert isinstance(told, PointsMatured)
    assert (told.points, told.deficit_set_off) == (400, 250)
    assert (told.matured_at - old).days == 7
    stored = await redemption.running.pool.fetchrow("SELECT deficit FROM wallet")
    assert stored is not None
    assert stored["deficit"] == 0
    shown = await redemption.balance()
    assert (shown["available"], shown["pending"], shown["lifetime"]) == (150, 0, 400)
    await redemption.assert_books_hold()


async def test_days_pass_with_the_shifted_clock(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, at=long_ago(1), wait_days=7))
    assert (await redemption.spend(1, "too-early")).status_code == 409
    dsn = redemption.running.settings.database.get_secret_value()
    a_week_later = await start(dsn, shift_seconds=7 * 86_400)
    try:
        assert (await a_week_later.balance())["available"] == 100
        await sweep_maturity(a_week_later.running)
        assert len(await redemption.published(PointsMatured)) == 1
        assert (await a_week_later.spend(100, "in-time")).status_code == 201
    finally:
        await stop(a_week_later)
    # back in time: what was posted as available stays so
    assert (await redemption.balance())["redeemed"] == 100
    await redemption.assert_books_hold()


async def test_the_sweeper_and_a_request_tell_one_and_the_same_maturity(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, at=long_ago(20), wait_days=7))
    assert (await redemption.spend(40, "till-1")).status_code == 201
    await sweep_maturity(redemption.running)
    assert len(await redemption.published(PointsMatured)) == 1
    await redemption.assert_books_hold()


@pytest.mark.parametrize("together", [True, False])
async def test_a_lot_that_waits_for_its_delivery_matures_on_the_date_it_is_given(
    redemption: Redemption, together: bool
) -> None:
    soon, past = long_ago(-3), long_ago(2)
    events = (
        grant("r1", 100, wait_days=None),
        grant("r2", 30, wait_days=None),
        scheduled("r1", past),
        scheduled("r1", soon, event="a-second-delivery"),
        scheduled("r2", soon),
        scheduled("never-granted", soon),
    )
    for batch in (events,) if together else [(each,) for each in events]:
        fates = await redemption.post(*batch)
    assert fates == {"applied": 4, "duplicate": 1, "dead_lettered": 1}
    shown = await redemption.balance()
    assert (shown["available"], shown["pending"]) == (100, 30)
    assert [coming["points"] for coming in shown["maturities"]] == [30]  # type: ignore[attr-defined]
    await sweep_maturity(redemption.running)
    (told,) = await redemption.published(PointsMatured)
    assert isinstance(told, PointsMatured)
    assert (told.points, told.matured_at) == (100, past)
    await redemption.assert_books_hold()
