"""Closing an account: what is there must be given up knowingly, and nothing stays or comes after (C22); C27."""

import asyncio

import asyncpg
import httpx
import pytest

from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.events.points_forfeited import PointsForfeited
from tests.integration.redemption.harness import (
    PROGRAM,
    Redemption,
    Told,
    clawed_back,
    grant,
    hold,
    long_ago,
    registered,
    released,
    scheduled,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _close(redemption: Redemption, acknowledged: int, key: str = "k", member: str = "m-1") -> httpx.Response:
    return await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/{member}/closure",
        json={"acknowledged_points": acknowledged},
        headers={"Idempotency-Key": key},
    )


async def _closed_event(redemption: Redemption) -> Told:
    """member.closed as it lies in the outbox, to be read back by the worker."""
    row = await redemption.running.pool.fetchrow("SELECT * FROM outbox WHERE type = $1", MemberClosed.TYPE)
    assert row is not None
    event = decode(row["aggregatetype"], row["aggregateid"], row["payload"], STRUCTURED_HEADERS)
    return Told(event.id, event.source, event.time, event.data)


async def test_points_are_given_up_only_with_the_members_word(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 30, at=long_ago(1), wait_days=7))
    before = await redemption.balance()
    for acknowledged in (0, 129):
        refused = await _close(redemption, acknowledged, f"k-{acknowledged}")
        told = refused.json()
        assert (refused.status_code, told["code"], told["control"]) == (409, "UNSPENT_POINTS_ACK_REQUIRED", "C22")
        assert (told["points"], told["acknowledged"]) == (130, acknowledged)
    assert {**await redemption.balance(), "as_of": ""} == {**before, "as_of": ""}
    rows = await redemption.running.pool.fetch("SELECT code, subject FROM refusal")
    assert [tuple(row) for row in rows] == [("UNSPENT_POINTS_ACK_REQUIRED", "closure")] * 2
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM outbox WHERE type = $1", MemberClosed.TYPE) == 0


async def test_with_it_every_lot_is_forfeited_and_the_account_is_closed(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 30, at=long_ago(1), wait_days=7))
    assert (await redemption.spend(10, "s")).status_code == 201
    answer = await _close(redemption, 120)
    assert (answer.status_code, answer.json()["unspent"], answer.json()["forfeited"]) == (201, 120, 120)
    shown = await redemption.balance()
    assert (shown["available"], shown["pending"], shown["forfeited"], shown["redeemed"]) == (0, 0, 120, 10)
    [lost] = await redemption.published(PointsForfeited)
    assert isinstance(lost, PointsForfeited)
    assert (lost.cause, lost.points, lost.balance_before, lost.balance_after) == ("account_closed", 120, 90, 0)
    [closed] = await redemption.published(MemberClosed)
    assert isinstance(closed, MemberClosed)
    assert (closed.points_forfeited, closed.points_acknowledged) == (120, 120)
    await redemption.assert_books_hold()


async def test_asking_again_is_told_of_the_one_closing(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    first = await _close(redemption, 100)
    assert (await _close(redemption, 100)).json() == first.json()
    assert (await _close(redemption, 0, "another key")).json() == first.json()
    assert (await _close(redemption, 99)).json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(await redemption.published(MemberClosed)) == 1


async def test_an_empty_account_needs_no_word_and_an_unknown_one_is_not_found(redemption: Redemption) -> None:
    assert (await _close(redemption, 0, member="nobody")).status_code == 404
    await redemption.post(registered("m-1"))
    assert (await _close(redemption, 0)).status_code == 201
    assert await redemption.published(PointsForfeited) == []


async def test_many_close_at_once_and_it_closes_once(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    answers = await asyncio.gather(*[_close(redemption, 100, f"k-{n}") for n in range(8)])
    assert {answer.json()["forfeited"] for answer in answers} == {100}
    assert len(await redemption.published(PointsForfeited)) == 1
    await redemption.assert_books_hold()


async def test_a_closed_account_spends_nothing(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    await _close(redemption, 100)
    refused = await redemption.spend(1, "s")
    assert (refused.status_code, refused.json()["code"]) == (409, "ACCOUNT_CLOSED")


async def test_a_grant_that_comes_later_is_booked_and_forfeited_at_once(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    await _close(redemption, 100)
    await redemption.post(grant("r2", 40), grant("r3", 5, wait_days=None))
    await redemption.post(scheduled("r3", long_ago(1)))
    shown = await redemption.balance()
    assert (shown["issued"], shown["available"], shown["pending"], shown["forfeited"]) == (145, 0, 0, 145)
    await redemption.post(clawed_back("f2", 40, of="r2"))  # the refund of what was forfeited owes nothing
    shown = await redemption.balance()
    assert (shown["forfeited"], shown["clawed_back"], shown["deficit"]) == (105, 40, 0)
    await redemption.assert_books_hold()


async def test_what_a_batch_booked_while_it_was_closed_goes_when_its_own_word_comes_back(
    redemption: Redemption,
) -> None:
    """The worker opens lots without the wallet's lock: a lot may slip in between, and must not stay."""
    await redemption.post(grant("r1", 100))
    await _close(redemption, 100)
    pool = redemption.running.pool
    await pool.execute("ALTER TABLE wallet DISABLE TRIGGER USER")
    await pool.execute("UPDATE wallet SET closed_at = NULL")
    await redemption.post(grant("r2", 40))  # as a batch that read the wallet before it was closed
    await pool.execute("UPDATE wallet SET closed_at = (SELECT closed_at FROM closure)")
    await pool.execute("ALTER TABLE wallet ENABLE TRIGGER USER")
    assert (await redemption.balance())["available"] == 40
    told = await _closed_event(redemption)
    await redemption.post(told)
    assert (await redemption.balance())["forfeited"] == 140
    await redemption.post(told)
    await redemption.assert_books_hold()


async def test_books_that_do_not_know_of_it_adopt_the_closing(redemption: Redemption) -> None:
    await redemption.post(registered("m-1"))
    await redemption.post(grant("r1", 100))
    data = MemberClosed(
        program_id=PROGRAM, member_id="m-1", causation_id="k", correlation_id="k", closed_at=long_ago(1)
    )
    await redemption.post(Told("closed", "/redemption", long_ago(1), data))
    assert await redemption.running.pool.fetchval("SELECT closed_at FROM wallet") == long_ago(1)
    assert (await redemption.balance())["forfeited"] == 100
    await redemption.assert_books_hold()


async def test_held_points_wait_for_the_person_and_go_when_released(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 30))
    await redemption.post(hold("h", "r1"))
    assert (await _close(redemption, 30)).json()["points"] == 130
    assert (await _close(redemption, 130, "k-2")).json()["forfeited"] == 30
    assert (await redemption.balance())["held"] == 100
    await redemption.post(released("h"))
    shown = await redemption.balance()
    assert (shown["held"], shown["available"], shown["forfeited"]) == (0, 0, 130)
    await redemption.assert_books_hold()


async def test_a_deficit_is_repaid_before_a_late_grant_is_given_up(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    assert (await redemption.spend(100, "s")).status_code == 201
    await redemption.post(clawed_back("f1", 100, of="r1"))
    assert (await _close(redemption, 0)).status_code == 201
    await redemption.post(grant("r2", 130))
    shown = await redemption.balance()
    assert (shown["deficit"], shown["forfeited"], shown["available"]) == (0, 30, 0)
    await redemption.assert_books_hold()


async def test_a_closed_account_stays_closed(redemption: Redemption) -> None:
    await redemption.post(registered("m-1"))
    await _close(redemption, 0)
    with pytest.raises(asyncpg.CheckViolationError, match="stays closed"):
        await redemption.running.pool.execute("UPDATE wallet SET closed_at = NULL")


async def test_a_listed_party_redeems_nothing_and_keeps_the_points(redemption: Redemption) -> None:
    time = long_ago(40)
    data = MemberRegistered(
        program_id=PROGRAM, member_id="m-1", registered_at=time, phone_verified=True, listed_party=True
    )
    await redemption.post(Told("registered", "/crm", time, data))
    await redemption.post(grant("r1", 100))
    refused = await redemption.spend(10, "s")
    told = refused.json()
    assert (refused.status_code, told["code"], told["control"]) == (409, "LISTED_PARTY", "C27")
    assert {"zh-CN", "en"} <= told["reason"].keys()
    assert (await redemption.balance())["available"] == 100
    assert await redemption.running.pool.fetchval("SELECT code FROM refusal") == "LISTED_PARTY"
