"""Points at the till: authorize, capture, void, automatic release, and giving back what refunds gave back."""

import asyncio
from typing import Any

import asyncpg
import pytest

from services.redemption.requests.end_authorization import release
from services.redemption.sweepers import sweep_authorizations
from shared.events.authorization_captured import AuthorizationCaptured
from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.authorization_voided import AuthorizationVoided
from shared.events.points_redeemed import PointsRedeemed
from shared.events.points_restored import PointsRestored
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import PROGRAM, Redemption, clawed_back, grant, hold, long_ago, start, stop
from tests.integration.redemption.shop import open_shop
from tests.integration.redemption.till import (
    ask,
    authorize,
    bill,
    capture,
    open_till,
    points_of,
    shown,
    sweep,
    tender_refunded,
    void,
)
from tests.unit.programs.packs import pack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _balance(redemption: Redemption) -> tuple[object, ...]:
    balance = await redemption.balance()
    return balance["available"], balance["reserved"], balance["redeemed"]


async def test_authorize_reserves_and_capture_spends(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300, life_days=90), grant("b", 400, life_days=365))
    placed = await authorize(redemption, "k", points=500)
    assert (placed["points"], placed["amount_minor"], placed["limited_by"]) == (500, 2_500, None)
    assert await _balance(redemption) == (200, 500, 0)
    await redemption.assert_books_hold()
    ended = (await capture(redemption, placed["authorization_id"], receipt_id="r-1")).json()
    assert (ended["state"], ended["captured_points"], ended["captured_minor"]) == ("captured", 500, 2_500)
    assert await _balance(redemption) == (200, 0, 500)
    found = (await redemption.http.get(f"/v1/redemptions/{ended['redemption_id']}")).json()
    assert [(each["points"], each["receipt_id"]) for each in found["allocations"]] == [
        (300, "receipt-a"),
        (200, "receipt-b"),
    ]
    assert (found["available_before"], found["available_after"]) == (700, 200)
    (told,) = await redemption.published(AuthorizationPlaced)
    assert isinstance(told, AuthorizationPlaced)
    assert (told.balance_before, told.balance_after, points_of(told.allocations)) == (700, 200, [300, 200])
    assert points_of(await redemption.published(PointsRedeemed)) == [500]
    await redemption.assert_books_hold()


async def test_fewer_may_be_captured_and_the_rest_is_free_at_once(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300, life_days=90), grant("b", 400, life_days=365))
    placed = await authorize(redemption, "k", points=500)
    assert (await capture(redemption, placed["authorization_id"], points=250)).status_code == 422
    assert (await capture(redemption, placed["authorization_id"], points=600)).status_code == 422
    ended = (await capture(redemption, placed["authorization_id"], points=400)).json()
    assert (ended["captured_points"], ended["captured_minor"]) == (400, 2_000)
    assert await _balance(redemption) == (300, 0, 400)
    (told,) = await redemption.published(AuthorizationCaptured)
    assert isinstance(told, AuthorizationCaptured)
    assert (told.points_released, points_of(told.released), told.balance_before, told.balance_after) == (
        100,
        [100],
        200,
        300,
    )
    await redemption.assert_books_hold()


async def test_void_lets_everything_go(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300))
    placed = await authorize(redemption, "k")
    assert (placed["points"], placed["limited_by"]) == (300, "balance")
    for _ in range(2):
        assert (await void(redemption, placed["authorization_id"])).json()["state"] == "voided"
    assert await _balance(redemption) == (300, 0, 0)
    refused = await capture(redemption, placed["authorization_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    (told,) = await redemption.published(AuthorizationVoided)
    assert isinstance(told, AuthorizationVoided)
    assert (told.cause, told.points_released) == ("voided", 300)
    await redemption.assert_books_hold()


async def test_one_key_is_one_authorization(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300))
    first = await authorize(redemption, "k", points=100)
    assert await authorize(redemption, "k", points=100) == first
    other = await ask(redemption, "k", points=200)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    await capture(redemption, first["authorization_id"])
    assert await authorize(redemption, "k", points=100) == first
    repeated = await capture(redemption, first["authorization_id"])
    assert (repeated.status_code, repeated.json()["captured_points"]) == (200, 100)
    assert (await void(redemption, first["authorization_id"])).json()["code"] == "WRONG_STATE"
    assert await _balance(redemption) == (200, 0, 100)


async def test_below_the_minimum_it_is_0_and_exact_refuses(redemption: Redemption) -> None:
    open_till(redemption, minimum_points=200)
    await redemption.post(grant("a", 150))
    placed = await authorize(redemption, "k")
    assert (placed["points"], placed["amount_minor"], placed["limited_by"]) == (0, 0, "minimum")
    assert await authorize(redemption, "k") == placed
    assert (await shown(redemption, placed["authorization_id"]))["state"] == "empty"
    refused = await ask(redemption, "k2", points=200, exact=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "INSUFFICIENT_POINTS")
    await redemption.post(grant("b", 5_000))
    refused = await ask(redemption, "k3", bill(1_000), points=300, exact=True)
    assert refused.json()["code"] == "PAYMENT_LIMIT_REACHED"
    assert (await redemption.running.pool.fetchval("SELECT count(*) FROM refusal")) == 2
    assert (await ask(redemption, "k4", exact=True)).status_code == 422
    assert await redemption.published(AuthorizationPlaced) == []


async def test_a_bill_paid_wholly_is_refused_where_that_is_forbidden(redemption: Redemption) -> None:
    open_till(redemption, whole_bill=False)
    await redemption.post(grant("a", 5_000))
    refused = await ask(redemption, "k", points=2_000)
    assert (refused.status_code, refused.json()["code"]) == (409, "PAYMENT_LIMIT_REACHED")
    assert set(refused.json()["reason"]) == {"zh-CN", "en"}
    most = await authorize(redemption, "k2")
    assert (most["points"], most["limited_by"]) == (1_900, "whole_bill")


async def test_what_is_not_offered_is_0(redemption: Redemption) -> None:
    open_shop(redemption, pack(program_id=PROGRAM))
    await redemption.post(grant("a", 5_000))
    placed = await authorize(redemption, "k")
    assert (placed["points"], placed["limited_by"]) == (0, "not_offered")
    other = await ask(redemption, "k2", {**bill(), "currency": "EUR"})
    assert other.status_code == 422


async def test_left_alone_it_releases_itself(database: Database) -> None:
    redemption = await start(database.dsns["redemption"])
    open_till(redemption)
    await redemption.post(grant("a", 300))
    placed = await authorize(redemption, "k", points=200)
    await sweep(redemption)
    assert await _balance(redemption) == (100, 200, 0)
    await stop(redemption)
    later = await start(database.dsns["redemption"], shift_seconds=15 * 60)
    try:
        open_till(later)
        refused = await capture(later, placed["authorization_id"])
        assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
        await asyncio.gather(sweep(later), sweep(later))
        assert await _balance(later) == (300, 0, 0)
        ended = await shown(later, placed["authorization_id"])
        assert (ended["state"], ended["ended_at"]) == ("timed_out", placed["releases_at"])
        (told,) = await later.published(AuthorizationVoided)
        assert isinstance(told, AuthorizationVoided)
        assert told.cause == "timed_out"
        await later.assert_books_hold()
    finally:
        await stop(later)


async def test_one_that_cannot_be_released_keeps_nobody_elses_points(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    redemption = await start(database.dsns["redemption"])
    open_till(redemption)
    await redemption.post(grant("a", 300))
    first, second = [(await authorize(redemption, key, points=100))["authorization_id"] for key in ("k", "l")]
    await stop(redemption)
    later = await start(database.dsns["redemption"], shift_seconds=15 * 60)

    def cannot(desk: Any, placed: Any, *rest: Any) -> Any:
        if str(placed.authorization_id) == first:
            raise LookupError("a wallet that cannot be saved")
        return release(desk, placed, *rest)

    try:
        open_till(later)
        with monkeypatch.context() as broken:
            broken.setattr(sweep_authorizations, "release", cannot)
            await sweep(later)
        assert [(await shown(later, each))["state"] for each in (first, second)] == ["placed", "timed_out"]
        await sweep(later)
        assert (await shown(later, first))["state"] == "timed_out", "the next round tries again"
    finally:
        await stop(later)


async def test_a_hold_leaves_reservations_and_binds_what_is_let_go(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300))
    first = await authorize(redemption, "k", points=100)
    second = await authorize(redemption, "k2", points=100)
    await redemption.post(hold("h"))
    assert (await capture(redemption, first["authorization_id"])).status_code == 200
    refused = await ask(redemption, "k3", points=100)
    assert (refused.status_code, refused.json()["code"]) == (409, "HELD_FOR_REVIEW")
    await void(redemption, second["authorization_id"])
    balance = await redemption.balance()
    assert (balance["available"], balance["held"], balance["redeemed"]) == (0, 200, 100)
    await redemption.assert_books_hold()


async def test_what_is_let_go_repays_a_deficit_first(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300))
    placed = await authorize(redemption, "k", points=300)
    await redemption.post(clawed_back("f", 120, of="a"))
    assert (await redemption.balance())["deficit"] == 120
    await capture(redemption, placed["authorization_id"], points=100)
    balance = await redemption.balance()
    assert (balance["available"], balance["deficit"], balance["redeemed"]) == (80, 0, 100)
    await redemption.assert_books_hold()


async def test_two_tills_never_reserve_the_same_points(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 1_000))
    answers = await asyncio.gather(*(ask(redemption, f"k{number}", points=300, exact=True) for number in range(20)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 3 + [409] * 17
    assert await _balance(redemption) == (100, 900, 0)
    captured = await asyncio.gather(
        *(
            capture(redemption, answer.json()["authorization_id"])
            for answer in answers
            if answer.status_code == 201
            for _ in range(3)
        )
    )
    assert {answer.status_code for answer in captured} == {200}
    assert await _balance(redemption) == (100, 0, 900)
    await redemption.assert_books_hold()


async def test_refunds_of_the_bill_give_the_points_back_in_proportion(redemption: Redemption) -> None:
    open_till(redemption, step_points=20)
    await redemption.post(grant("a", 200, at=long_ago(30), life_days=90), grant("b", 400, at=long_ago(29)))
    placed = await authorize(redemption, "k", points=340)
    authorization_id = placed["authorization_id"]
    await capture(redemption, authorization_id)
    assert placed["amount_minor"] == 1_700
    await redemption.post(tender_refunded("1", authorization_id, 333))
    assert await _balance(redemption) == (326, 0, 274)  # floor(340 × 333 ÷ 1,700) = 66
    await redemption.post(
        tender_refunded("2", authorization_id, 333),
        tender_refunded("3", authorization_id, 1_000),
        tender_refunded("4", authorization_id, 5_000),
    )
    assert await _balance(redemption) == (600, 0, 0)
    assert points_of(await redemption.published(PointsRestored)) == [66, 134, 140]
    rows = await redemption.running.pool.fetch("SELECT points FROM tender_refund ORDER BY refund_id")
    assert [row["points"] for row in rows] == [66, 0, 134, 140]
    ended = await shown(redemption, authorization_id)
    assert (ended["refunded_minor"], ended["given_back"]) == (1_700, 340)
    lots = await redemption.running.pool.fetch("SELECT remaining FROM lot ORDER BY granted_at")
    assert [row["remaining"] for row in lots] == [200, 400]
    await redemption.assert_books_hold()


async def test_a_refund_of_what_was_not_captured_is_a_dead_letter(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300), grant("b", 300, member="m-2"))
    placed = await authorize(redemption, "k", points=100)
    fates = await redemption.post(
        tender_refunded("1", placed["authorization_id"], 100),
        tender_refunded("2", "00000000-0000-4000-8000-000000000000", 100),
        tender_refunded("3", "no-uuid", 100),
        tender_refunded("4", placed["authorization_id"], 100, member="m-2"),
    )
    assert fates["dead_lettered"] == 4
    assert await _balance(redemption) == (200, 100, 0)


async def test_a_refund_after_the_lots_date_opens_a_child(redemption: Redemption) -> None:
    open_till(redemption)
    # its date has passed, but no notice was given, so it can still be spent
    await redemption.post(grant("a", 300, at=long_ago(30), life_days=20))
    placed = await authorize(redemption, "k", points=300)
    await capture(redemption, placed["authorization_id"])
    await redemption.post(
        tender_refunded("1", placed["authorization_id"], 500),
        tender_refunded("2", placed["authorization_id"], 1_500),
    )
    children = await redemption.running.pool.fetch("SELECT remaining FROM lot WHERE child_of IS NOT NULL ORDER BY 1")
    assert [row["remaining"] for row in children] == [100, 200]
    await redemption.assert_books_hold()


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE point_authorization SET state = 'voided', ended_at = now()", "reserved_points_authorized"),
        ("UPDATE lot SET reserved = reserved - 1, remaining = remaining + 1", "reserved_points_authorized"),
        ("UPDATE point_authorization SET points = points - 1", "authorization_shared"),
        ("UPDATE point_authorization SET given_back = 1", "given_back"),
        ("UPDATE point_authorization SET state = 'captured', ended_at = now()", "captured_is_redeemed"),
    ],
)
async def test_reserved_points_are_those_of_placed_authorizations(
    redemption: Redemption, statement: str, constraint: str
) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300))
    await authorize(redemption, "k", points=200)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await redemption.running.pool.execute(statement)
    assert constraint in str(refused.value.constraint_name)


async def test_a_till_key_sees_its_own_merchant_alone(redemption: Redemption) -> None:
    open_till(redemption)
    await redemption.post(grant("a", 300))
    placed = await authorize(redemption, "k", points=100)
    path = f"/v1/programs/another/authorizations/{placed['authorization_id']}"
    assert (await redemption.http.get(path)).status_code == 404
