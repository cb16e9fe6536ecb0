"""Holds in the books: nobody spends what is held, a person alone ends it, in whatever order the events come (C26)."""

import asyncio
from collections.abc import Mapping

import pytest

from deploy.local.stack import Stack
from services.redemption.sweepers.sweep_maturity import sweep_maturity
from shared.events.event import CausedEvent
from shared.events.points_forfeited import PointsForfeited
from shared.events.points_held import PointsHeld
from shared.events.points_matured import PointsMatured
from shared.events.points_released import PointsReleased
from shared.events.points_set_off import PointsSetOff
from shared.events.points_taken_back import PointsTakenBack
from tests.infrastructure.fixtures import Database, fresh_database
from tests.integration.redemption.harness import (
    PROGRAM,
    Redemption,
    Told,
    clawed_back,
    confirmed,
    grant,
    grant_id,
    hold,
    long_ago,
    released,
    start,
    stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ACCOUNTS = ("available", "pending", "held", "forfeited", "redeemed", "clawed_back", "deficit")


async def amounts(redemption: Redemption, *names: str, member: str = "m-1") -> tuple[object, ...]:
    shown = await redemption.balance(member)
    return tuple(shown[name] for name in names)


async def only(redemption: Redemption, kind: type[CausedEvent]) -> CausedEvent:
    (told,) = await redemption.published(kind)
    return told


async def test_held_points_are_refused_for_review_and_come_back_when_released(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 40, at=long_ago(1), wait_days=7))
    await redemption.post(hold("h1"))
    assert await amounts(redemption, "available", "pending", "held") == (0, 0, 140)
    refused = await redemption.spend(10, "till-1")
    assert refused.status_code == 409
    told = refused.json()
    assert (told["code"], told["control"], told["available"]) == ("HELD_FOR_REVIEW", "C26", 0)
    assert set(told["reason"]) == set(told["appeal"]) == {"zh-CN", "en"}
    row = await redemption.running.pool.fetchrow("SELECT code, points, available FROM refusal")
    assert row is not None and tuple(row) == ("HELD_FOR_REVIEW", 10, 0)

    assert await redemption.post(released("h1")) == {"applied": 2}
    assert await amounts(redemption, "available", "pending", "held") == (100, 40, 0)
    assert (await redemption.spend(100, "till-1")).status_code == 201, "the same wish, under the same key"
    await redemption.assert_books_hold()

    bound, freed = await only(redemption, PointsHeld), await only(redemption, PointsReleased)
    assert isinstance(bound, PointsHeld) and isinstance(freed, PointsReleased)
    assert (bound.points, bound.balance_before, bound.balance_after, bound.causation_id) == (140, 100, 0, "placed-h1")
    assert {(part.points, part.from_state) for part in bound.allocations} == {(100, "available"), (40, "pending")}
    assert (freed.points, freed.balance_before, freed.balance_after, freed.reason) == (140, 0, 100, "a family of five")
    assert {(part.points, part.to_state) for part in freed.allocations} == {(100, "available"), (40, "pending")}


async def test_a_hold_of_part_leaves_the_rest_and_a_wish_beyond_everything_is_merely_too_much(
    redemption: Redemption,
) -> None:
    await redemption.post(grant("r1", 100))
    await redemption.post(hold("h1", points=30))
    assert (await redemption.spend(71, "a")).json()["code"] == "HELD_FOR_REVIEW"
    assert (await redemption.spend(101, "b")).json()["code"] == "INSUFFICIENT_POINTS"
    assert (await redemption.spend(70, "c")).status_code == 201
    assert await amounts(redemption, "available", "held", "redeemed") == (0, 30, 70)
    await redemption.assert_books_hold()


async def test_a_hold_waits_for_its_grant_and_one_of_a_member_binds_what_comes(redemption: Redemption) -> None:
    """Neither member nor grant is known when the holds come."""
    await redemption.post(hold("of-grant", "r2"), hold("of-member", member="m-2"))
    assert await amounts(redemption, "issued", "held") == (0, 0)
    assert [told.points for told in await redemption.published(PointsHeld)] == [0, 0]  # type: ignore[attr-defined]
    assert (await redemption.spend(1, "nothing there")).json()["code"] == "INSUFFICIENT_POINTS"
    assert (await redemption.spend(1, "nothing there", member="m-2")).json()["code"] == "HELD_FOR_REVIEW"
    await redemption.post(grant("r1", 10), grant("r2", 70), grant("r3", 5, member="m-2"), grant("r4", 6, member="m-2"))
    assert await amounts(redemption, "available", "held") == (10, 70)
    assert await amounts(redemption, "available", "held", member="m-2") == (0, 11)
    later = [told for told in await redemption.published(PointsHeld) if told.causation_id.startswith("granted")]
    assert [(told.hold_id, told.points, [p.points for p in told.allocations]) for told in later] == [  # type: ignore[attr-defined]
        ("of-grant", 70, [70]),
        ("of-member", 5, [5]),
        ("of-member", 11, [6]),
    ]
    await redemption.assert_books_hold()


async def test_a_repeated_hold_or_release_changes_nothing_and_two_decisions_are_a_dead_letter(
    redemption: Redemption,
) -> None:
    await redemption.post(grant("r1", 100))
    fates = await redemption.post(hold("h1", points=40), hold("h1", points=40), hold("h1", points=90, event="again"))
    assert fates == {"applied": 1, "duplicate": 2}
    await redemption.running.pool.execute("DELETE FROM inbox")
    assert await redemption.post(hold("h1", points=40)) == {"applied": 1, "duplicate": 3}
    assert await amounts(redemption, "available", "held") == (60, 40)
    fates = await redemption.post(released("h1"), released("h1", event="again"), confirmed("h1", 40))
    assert fates == {"applied": 2, "duplicate": 4, "dead_lettered": 1}
    letter = await redemption.running.pool.fetchrow("SELECT code, message FROM dead_letter")
    assert letter is not None and letter["code"] == "HOLD_ALREADY_DECIDED"
    assert "first decision stands" in letter["message"]
    assert await amounts(redemption, "available", "held", "forfeited") == (100, 0, 0)
    assert len(await redemption.published(PointsReleased)) == 1
    await redemption.assert_books_hold()


async def test_a_grant_that_is_no_uuid_is_a_dead_letter_and_its_neighbours_stand(redemption: Redemption) -> None:
    odd = hold("h1", "r1")
    data = odd.data.model_copy(update={"grant_ids": ("grant 7",)})
    await redemption.post(grant("r1", 100))
    assert await redemption.post(Told("odd", odd.source, odd.time, data), hold("h2", "r1")) == {
        "applied": 1,
        "dead_lettered": 1,
    }
    assert await amounts(redemption, "available", "held") == (0, 100)


@pytest.mark.parametrize("decision", ["released", "confirmed"])
async def test_a_decision_may_come_before_its_hold(stack: Stack, passwords: Mapping[str, str], decision: str) -> None:
    """Both orders leave the same lots and holds, and tell the same events."""
    placed, end = hold("h1"), released("h1") if decision == "released" else confirmed("h1", 130)
    grants = [grant("r1", 100), grant("r2", 50, at=long_ago(1), wait_days=7)]
    async with fresh_database(stack, passwords) as one, fresh_database(stack, passwords) as other:
        in_order = await _books(one, [grants, [placed], [end]])
        reversed_ = await _books(other, [grants, [end], [placed]])
    assert in_order == reversed_
    assert in_order["lots"] == ([(100, 0, 0), (50, 0, 0)] if decision == "released" else [(0, 0, 100), (20, 0, 30)])


async def test_the_same_holds_in_other_batches_tell_the_same(stack: Stack, passwords: Mapping[str, str]) -> None:
    events = [hold("h1", points=30), hold("h2", "r1"), confirmed("h2", 50), released("h1")]
    grants = [grant("r1", 100), grant("r2", 60)]
    async with fresh_database(stack, passwords) as one, fresh_database(stack, passwords) as other:
        together = await _books(one, [grants, events])
        one_by_one = await _books(other, [*([each] for each in grants), *([each] for each in events)])
    assert together == one_by_one


async def _books(database: Database, batches: list[list[Told]]) -> dict[str, object]:
    redemption = await start(database.dsns["redemption"])
    try:
        for batch in batches:
            await redemption.post(*batch)
        await redemption.assert_books_hold()
        pool = redemption.running.pool
        told = await pool.fetch("SELECT event_id, payload FROM outbox WHERE aggregatetype = 'points.wallets.v1'")
        return {
            "told": {row["event_id"]: row["payload"] for row in told},
            "lots": [tuple(row) for row in await pool.fetch(
                "SELECT remaining, held, forfeited FROM lot ORDER BY points DESC")],
            "holds": [tuple(row) for row in await pool.fetch("SELECT * FROM hold ORDER BY hold_id")],
            "shares": [tuple(row) for row in await pool.fetch("SELECT * FROM hold_share ORDER BY hold_id, lot_id")],
        }  # fmt: skip
    finally:
        await stop(redemption)


async def test_a_persons_confirmation_forfeits_what_it_names_and_gives_back_the_rest(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 40))
    await redemption.post(hold("h1"))
    await redemption.post(confirmed("h1", 90))
    assert await amounts(redemption, "available", "held", "forfeited") == (50, 0, 90)
    lost, freed = await only(redemption, PointsForfeited), await only(redemption, PointsReleased)
    assert isinstance(lost, PointsForfeited) and isinstance(freed, PointsReleased)
    assert (lost.points, lost.cause, lost.hold_id, lost.causation_id) == (90, "hold_confirmed", "h1", "confirmed-h1")
    assert {part.hold_id for part in lost.allocations} == {"h1"}
    assert freed.points == 50
    row = await redemption.running.pool.fetchrow("SELECT state, person, note, named_points, forfeited FROM hold")
    assert row is not None and tuple(row) == ("confirmed", "reviewer-1", "receipts of one till", 90, 90)
    await redemption.assert_books_hold()


async def test_a_hold_released_gives_its_points_to_the_next_hold_that_wants_them(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 40))
    await redemption.post(hold("of-member"), hold("of-grant", "r2", at=long_ago(8)))
    assert [told.points for told in await redemption.published(PointsHeld)] == [140, 0]  # type: ignore[attr-defined]
    await redemption.post(released("of-member", at=long_ago(7)))
    assert await amounts(redemption, "available", "held") == (100, 40)
    await redemption.post(confirmed("of-grant", 40, at=long_ago(6)))
    assert await amounts(redemption, "available", "held", "forfeited") == (100, 0, 40)
    await redemption.assert_books_hold()


async def test_a_refund_takes_held_points_and_the_hold_shrinks(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100), grant("r2", 50))
    await redemption.post(hold("h1", "r1"))
    await redemption.post(clawed_back("f1", 70, of="r1"))
    assert await amounts(redemption, "available", "held", "clawed_back", "deficit") == (50, 30, 70, 0)
    taken = await only(redemption, PointsTakenBack)
    assert isinstance(taken, PointsTakenBack)
    assert [(part.points, part.from_state, part.hold_id) for part in taken.allocations] == [(70, "held", "h1")]
    row = await redemption.running.pool.fetchrow("SELECT bound, held, taken_back FROM hold")
    assert row is not None and tuple(row) == (100, 30, 70)
    await redemption.post(released("h1"))
    assert await amounts(redemption, "available", "held") == (80, 0)
    await redemption.assert_books_hold()


async def test_a_release_repays_a_deficit_first_and_a_held_grant_does_not(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    await redemption.spend(100, "till-1")
    await redemption.post(hold("h1", "r2"))
    await redemption.post(clawed_back("f1", 100, of="r1"), grant("r2", 130))
    assert await amounts(redemption, "available", "held", "deficit") == (0, 130, 100)
    await redemption.post(released("h1"))
    assert await amounts(redemption, "available", "held", "deficit") == (30, 0, 0)
    repaid = await only(redemption, PointsSetOff)
    assert isinstance(repaid, PointsSetOff) and repaid.points == 100
    assert repaid.causation_id == "released-h1"
    await redemption.assert_books_hold()


async def test_a_held_lot_is_not_told_as_matured_and_is_spendable_once_released(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100, at=long_ago(1), wait_days=7))
    await redemption.post(hold("h1", at=long_ago(1)))
    a_week_later = await start(redemption.running.settings.database.get_secret_value(), shift_seconds=7 * 86_400)
    try:
        await sweep_maturity(a_week_later.running)
    finally:
        await stop(a_week_later)
    assert await redemption.published(PointsMatured) == []
    assert await amounts(redemption, "available", "held") == (0, 100)
    await redemption.post(released("h1"))
    assert await amounts(redemption, "available", "held", "lifetime") == (100, 0, 100)
    await redemption.assert_books_hold()


async def test_released_points_live_thirty_days_more(redemption: Redemption) -> None:
    day = long_ago(20)
    await redemption.post(grant("r1", 100, at=day, life_days=12), grant("r2", 100, at=day, life_days=90))
    await redemption.post(hold("h1", at=day))
    await redemption.post(released("h1", at=long_ago(9)))
    rows = await redemption.running.pool.fetch("SELECT expires_at FROM lot ORDER BY expires_at")
    assert [(row["expires_at"] - day).days for row in rows] == [20 - 9 + 30, 90]
    freed = await only(redemption, PointsReleased)
    assert isinstance(freed, PointsReleased)
    assert sorted(part.expires_at for part in freed.allocations) == [row["expires_at"] for row in rows]  # type: ignore[type-var]


async def test_a_hold_and_many_spenders_at_once_never_share_a_point(redemption: Redemption) -> None:
    """The hold comes in the midst of requests, refunds and sweeps; who is served was served before it."""
    members = [f"m-{number}" for number in range(12)]
    await redemption.post(*(grant(f"{m}-a", 100, member=m, at=long_ago(20), wait_days=7) for m in members))
    spending, _, _, *_ = await asyncio.gather(
        asyncio.gather(*(redemption.spend(40, f"till-{n}", member=m) for n in range(3) for m in members)),
        redemption.post(*(hold(f"{m}-h", member=m) for m in members)),
        sweep_maturity(redemption.running),
    )
    await redemption.post(*(clawed_back(f"{m}-f", 30, of=f"{m}-a", member=m) for m in members))
    await redemption.assert_books_hold()
    codes = {answer.json()["code"] for answer in spending if answer.status_code == 409}
    assert codes <= {"HELD_FOR_REVIEW", "INSUFFICIENT_POINTS"}
    for member in members:
        spent = 40 * sum(answer.status_code == 201 and answer.json()["member_id"] == member for answer in spending)
        taken = min(30, 100 - spent)
        assert await amounts(redemption, *_ACCOUNTS, member=member) == (
            0, 0, 100 - spent - taken, 0, spent, 30, 30 - taken,
        )  # fmt: skip
        assert (await redemption.spend(1, "after", member=member)).json()["code"] == "HELD_FOR_REVIEW"


async def test_the_holds_of_a_member_are_listed_and_traced(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 100))
    await redemption.post(hold("h1", "r1", points=60), hold("h2"), released("h2"))
    path = f"/v1/programs/{PROGRAM}/members/m-1/holds"
    first = (await redemption.http.get(path, params={"limit": 1})).json()
    assert first["next_after"] == "h1"
    (shown,) = first["holds"]
    assert (shown["state"], shown["asked"], shown["held"], shown["case_id"]) == ("open", 60, 60, "case-h1")
    assert shown["shares"] == [{"lot_id": str(grant_id("r1")), "points": 60}]
    rest = (await redemption.http.get(path, params={"after": "h1"})).json()
    assert [(each["hold_id"], each["person"], each["released"]) for each in rest["holds"]] == [("h2", "reviewer-1", 40)]
    for wanted in ("h1", str(grant_id("r1")), "purchase-r1"):
        traced = (await redemption.http.get(f"/v1/trace/{wanted}")).json()
        assert [row["hold_id"] for row in traced["holds"]] == ["h1", "h2"], wanted
        assert [row["lot_id"] for row in traced["lots"]] == [str(grant_id("r1"))]
    (lot,) = (await redemption.http.get(f"/v1/programs/{PROGRAM}/members/m-1/lots")).json()["lots"]
    assert (lot["remaining"], lot["held"]) == (40, 60)
