"""What becomes of an order: handed over, cancelled, returned, replaced; points, money, stock and partners follow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from shared.events.order_cancelled import OrderCancelled
from shared.events.order_exchanged import OrderExchanged
from shared.events.order_fulfilled import OrderFulfilled
from shared.events.order_returned import OrderReturned
from shared.events.points_restored import PointsRestored
from shared.events.voucher_ended import VoucherEnded
from tests.integration.redemption.harness import PROGRAM, Redemption, grant, grant_id, registered, start, stop
from tests.integration.redemption.ordering import (
    PHOTO,
    SPA,
    done,
    enrol,
    left,
    line,
    open_for_orders,
    order,
    ordered,
    shown,
    step,
)
from tests.unit.programs.packs import reward

pytestmark = pytest.mark.asyncio(loop_scope="session")

_DAY = 86_400
_NEVER = grant_id("a change that never was")
_SHANGHAI = ZoneInfo("Asia/Shanghai")


@asynccontextmanager
async def days_later(redemption: Redemption, days: float) -> AsyncIterator[Redemption]:
    """The same service over the same books, `days` later."""
    later = await start(redemption.running.settings.database.get_secret_value(), int(days * _DAY))
    later.running.programs = redemption.running.programs
    try:
        yield later
    finally:
        await stop(later)


def slot(days: int, hour: str = "10:00") -> str:
    return f"{datetime.now(_SHANGHAI).date() + timedelta(days=days)}T{hour}"


async def test_a_defect_on_day_five_gives_all_back(redemption: Redemption) -> None:
    """C17: 3,000 points and 20.00 yuan, to the lots they came from."""
    open_for_orders(redemption, reward(3_000, 9_000, price={"points": 3_000, "money_minor": 2_000}, return_days=3))
    await enrol(redemption)
    told = await ordered(redemption, line())
    await done(redemption, told["order_id"], "fulfilments")
    async with days_later(redemption, 5) as later:
        late = await step(later, told["order_id"], "returns", "in-vain")
        assert (late.status_code, late.json()["code"], late.json()["control"]) == (409, "RETURN_WINDOW_CLOSED", "C17")
        back = await done(later, told["order_id"], "returns", defect=True, evidence_sha256=PHOTO)
        assert (back["points"], back["amount_minor"], back["points_kept"]) == (3_000, 2_000, 0)
        assert (await later.balance())["available"] == 5_000
        assert (await shown(later, told["order_id"]))["state"] == "returned"
        (event,) = await later.published(OrderReturned)
        (restored,) = await later.published(PointsRestored)
        await later.assert_books_hold()
    assert isinstance(event, OrderReturned)
    assert isinstance(restored, PointsRestored)
    assert (event.points, event.defect, event.evidence_sha256, event.restoration_id) == (
        3_000, True, PHOTO, restored.restoration_id,
    )  # fmt: skip
    assert event.money is not None
    assert event.money.amount_minor == 2_000
    debited = (await redemption.http.get(f"/v1/redemptions/{told['redemption_id']}")).json()
    assert {(one.lot_id, one.points) for one in restored.allocations} == {
        (one["lot_id"], one["points"]) for one in debited["allocations"]
    }


@pytest.mark.parametrize(("days", "accepted"), [(0, True), (4.99, True), (6.01, False)])
async def test_the_window_is_open_to_the_end_of_its_last_day(
    redemption: Redemption, days: float, accepted: bool
) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("pan"))
    await done(redemption, told["order_id"], "fulfilments")
    until = datetime.fromisoformat((await shown(redemption, told["order_id"]))["lines"][0]["return_until"])
    midnight = datetime.combine(datetime.now(_SHANGHAI).date() + timedelta(days=6), datetime.min.time(), _SHANGHAI)
    assert until == midnight.astimezone(UTC)
    async with days_later(redemption, days) as later:
        assert (await step(later, told["order_id"], "returns")).status_code == (201 if accepted else 409)


async def test_a_confirmed_exclusion_keeps_only_defects(redemption: Redemption) -> None:
    """Fresh food: not returned by who agreed to it; who was not asked may."""
    open_for_orders(redemption)
    await enrol(redemption)
    agreed = await ordered(redemption, line("cheese"), return_exclusions_confirmed=True)
    unasked = await ordered(redemption, line("cheese"), key="order-2")
    for told in (agreed, unasked):
        await done(redemption, told["order_id"], "fulfilments")
    refused = await step(redemption, agreed["order_id"], "returns")
    assert (refused.status_code, refused.json()["code"]) == (409, "RETURN_EXCLUSION_CONFIRMED")
    assert (await step(redemption, agreed["order_id"], "returns", defect=True)).status_code == 422  # not shown
    assert (await done(redemption, unasked["order_id"], "returns"))["points"] == 50
    back = await done(redemption, agreed["order_id"], "returns", defect=True, evidence_sha256=PHOTO)
    assert back["points"] == 50


async def test_units_come_back_one_by_one_to_the_point(redemption: Redemption) -> None:
    """Three units for 200 points (two claims): 66, 67 and 67 come back, and stock and limit with them."""
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("pair", 3), line("pan"))
    await done(redemption, told["order_id"], "fulfilments")
    one = [{"line_id": "1", "quantity": 1}]
    back = [await done(redemption, told["order_id"], "returns", f"back-{n}", lines=one) for n in range(3)]
    assert [each["points"] for each in back] == [66, 67, 67]
    assert (await redemption.balance())["available"] == 5_000 - 300
    assert await left(redemption, "pair") == 10
    now = await shown(redemption, told["order_id"])
    assert (now["state"], now["lines"][0]["returned"], len(now["changes"])) == ("fulfilled", 3, 4)
    refused = await step(redemption, told["order_id"], "returns", "back-4", lines=one)
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    await ordered(redemption, line("pair", 4), key="order-2")  # the limit of the day is free again
    await redemption.assert_books_hold()


async def test_a_step_is_done_once_for_its_key(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 3))
    handed = [await done(redemption, told["order_id"], "fulfilments", key) for key in ("f-1", "f-1", "f-2")]
    assert handed[0] == handed[1] == handed[2]  # another key finds that nothing is left to do
    one = [{"line_id": "1", "quantity": 1}]
    back = [await done(redemption, told["order_id"], "returns", "r-1", lines=one) for _ in range(2)]
    assert back[0] == back[1]
    assert (await redemption.balance())["available"] == 4_000
    for other in ({"lines": [{"line_id": "1", "quantity": 2}]}, {"lines": one, "reason": "another"}):
        refused = await step(redemption, told["order_id"], "returns", "r-1", **other)
        assert (refused.status_code, refused.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    refused = await step(redemption, told["order_id"], "replacements", "r-1", lines=one)
    assert (refused.status_code, refused.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert len(await redemption.published(OrderFulfilled)) == len(await redemption.published(OrderReturned)) == 1
    assert len(await redemption.published(PointsRestored)) == 1


async def test_what_was_not_handed_over_can_be_cancelled(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 2), line("pan"))
    await done(redemption, told["order_id"], "fulfilments", line_ids=["2"])
    off = [await done(redemption, told["order_id"], "cancellations", key) for key in ("c-1", "c-1", "c-2")]
    assert off[0] == off[1] == off[2]
    assert (off[0]["points"], off[0]["amount_minor"], off[0]["points_kept"]) == (1_000, 0, 0)
    assert (await redemption.balance())["available"] == 4_700
    assert await left(redemption) == 10
    now = await shown(redemption, told["order_id"])
    assert (now["state"], [one["state"] for one in now["lines"]]) == ("fulfilled", ["cancelled", "fulfilled"])
    assert len(await redemption.published(OrderCancelled)) == 1
    await redemption.assert_books_hold()


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ([], "returns"),
        ([], "replacements"),
        (["fulfilments"], "cancellations"),
        (["cancellations"], "fulfilments"),
        (["cancellations"], "returns"),
        (["cancellations"], "no-shows"),
        (["fulfilments", "returns"], "replacements"),
    ],
)
async def test_a_step_in_the_wrong_state_is_refused_and_kept(
    redemption: Redemption, before: list[str], kind: str
) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line())
    for each in before:
        await done(redemption, told["order_id"], each, each)
    was = await shown(redemption, told["order_id"])
    refused = await step(redemption, told["order_id"], kind, "late")
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM refusal WHERE code = 'WRONG_STATE'") == 1
    assert await shown(redemption, told["order_id"]) == was


async def test_a_line_that_the_order_has_not_is_refused(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line())
    await done(redemption, told["order_id"], "fulfilments")
    for kind, body in (
        ("returns", {"lines": [{"line_id": "9", "quantity": 1}]}),
        ("returns", {"lines": [{"line_id": "1", "quantity": 1}] * 2}),
        ("fulfilments", {"line_ids": ["9"]}),
    ):
        assert (await step(redemption, told["order_id"], kind, "k", **body)).status_code == 422
    assert (await step(redemption, str(grant_id("none")), "returns", "k")).status_code == 404


async def test_a_booking_is_free_to_cancel_until_its_time_and_then_costs(redemption: Redemption) -> None:
    """24 hours before it is free; later each claim costs 300 of its 400 points."""
    open_for_orders(redemption)
    await enrol(redemption)
    early = await ordered(redemption, line("spa", slot=slot(3)))
    late = await ordered(redemption, line("spa", 2, slot=slot(1)), key="late")
    told = early["lines"][0]
    assert told["no_show_points"] == 300
    assert datetime.fromisoformat(told["begins_at"]) - datetime.fromisoformat(told["free_until"]) == timedelta(days=1)
    off = await done(redemption, early["order_id"], "cancellations")
    assert (off["points"], off["points_kept"]) == (400, 0)
    async with days_later(redemption, 1) as later:
        off = await done(later, late["order_id"], "cancellations")
        assert (off["points"], off["points_kept"]) == (200, 600)
        assert (await later.balance())["available"] == 5_000 - 600
        cancelled = (await later.published(OrderCancelled))[-1]
        assert isinstance(cancelled, OrderCancelled)
        assert (cancelled.points, cancelled.points_kept, cancelled.no_show) == (200, 600, False)
        await later.assert_books_hold()


async def test_who_does_not_come_loses_what_was_shown_before(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("spa", slot=slot(2)), line("fruit-box"))
    refused = await step(redemption, told["order_id"], "no-shows")
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")  # it has not begun
    async with days_later(redemption, 3) as later:
        gone = await done(later, told["order_id"], "no-shows")
        assert (gone["points"], gone["points_kept"], gone["no_show"]) == (100, 300, True)
        assert [one["line_id"] for one in gone["lines"]] == ["1"]
        assert (await shown(later, told["order_id"]))["state"] == "placed"  # the box still waits
        assert (await done(later, told["order_id"], "no-shows", key="again"))["change_id"] == gone["change_id"]


async def test_nobody_can_have_missed_a_booking_that_was_cancelled(redemption: Redemption) -> None:
    """The cancellation is no answer to it: it would read as if the points had been kept."""
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("spa", slot=slot(2)))
    await done(redemption, told["order_id"], "cancellations")
    async with days_later(redemption, 3) as later:
        refused = await step(later, told["order_id"], "no-shows", key="missed")
        assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
        assert (await later.balance())["available"] == 5_000


async def test_a_slot_has_its_capacity_and_gets_it_back(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    when = slot(2)
    told = await ordered(redemption, line("spa", 2, slot=when))
    refused = await order(redemption, line("spa", slot=when), key="order-2")
    assert (refused.status_code, refused.json()["code"]) == (409, "OUT_OF_STOCK")
    await ordered(redemption, line("spa", slot=slot(2, "14:00")), key="order-3")
    await done(redemption, told["order_id"], "cancellations")
    await ordered(redemption, line("spa", 2, slot=when), key="order-4")


async def test_a_replacement_moves_stock_and_no_points(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 2), recipient_ref="friend-7")
    await done(redemption, told["order_id"], "fulfilments")
    before = await redemption.balance()
    swapped = await done(
        redemption, told["order_id"], "replacements", "s-1",
        lines=[{"line_id": "1", "quantity": 1}], defect=True, evidence_sha256=PHOTO,
    )  # fmt: skip
    again = await done(
        redemption, told["order_id"], "replacements", "s-1",
        lines=[{"line_id": "1", "quantity": 1}], defect=True, evidence_sha256=PHOTO,
    )  # fmt: skip
    assert swapped == again
    assert (await redemption.balance())["available"] == before["available"]
    assert await redemption.published(PointsRestored) == []
    assert await left(redemption) == 8
    fresh = await shown(redemption, swapped["new_order_id"])
    assert (fresh["points"], fresh["state"], fresh["exchanged_from"], fresh["redemption_id"]) == (
        500, "placed", told["order_id"], told["redemption_id"],
    )  # fmt: skip
    assert (fresh["recipient_ref"], fresh["price_version"]) == ("friend-7", 1)
    (event,) = await redemption.published(OrderExchanged)
    assert isinstance(event, OrderExchanged)
    assert ([one.quantity for one in event.lines], [one.points for one in event.new_lines]) == ([1], [500])
    # both orders come back: every point once
    await done(redemption, swapped["new_order_id"], "cancellations")
    await done(redemption, told["order_id"], "returns")
    assert (await redemption.balance())["available"] == 5_000
    assert (await shown(redemption, told["order_id"]))["state"] == "returned"
    assert await left(redemption) == 10
    await redemption.assert_books_hold()


async def test_a_half_claim_is_replaced_at_what_it_cost(redemption: Redemption) -> None:
    """One of two units for 100 points: the new order has 50 of them, and no point is made of nothing."""
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("pair", 2))
    await done(redemption, told["order_id"], "fulfilments")
    swapped = await done(redemption, told["order_id"], "replacements", lines=[{"line_id": "1", "quantity": 1}])
    assert (await shown(redemption, swapped["new_order_id"]))["points"] == 50
    await done(redemption, swapped["new_order_id"], "fulfilments")
    back = [await done(redemption, one, "returns", "r") for one in (swapped["new_order_id"], told["order_id"])]
    assert [one["points"] for one in back] == [50, 50]
    assert (await redemption.balance())["available"] == 5_000


async def test_a_replaced_booking_takes_the_new_slot(redemption: Redemption) -> None:
    open_for_orders(redemption, reward(400, 9_000, reward_id="spa", kind="service_booking", booking=SPA))
    await enrol(redemption)
    told = await ordered(redemption, line("spa", 2, slot=slot(2)))
    await done(redemption, told["order_id"], "fulfilments")
    wrong = await step(redemption, told["order_id"], "replacements", "k", slot=slot(2, "11:00"))
    assert wrong.status_code == 422
    swapped = await done(redemption, told["order_id"], "replacements", slot=slot(3))
    fresh = (await shown(redemption, swapped["new_order_id"]))["lines"][0]
    assert (fresh["slot"], fresh["no_show_points"]) == (slot(3), 300)
    assert (await order(redemption, line("spa", 1, slot=slot(3)), key="o-2")).status_code == 409
    await ordered(redemption, line("spa", 2, slot=slot(2)), key="o-3")
    assert (await shown(redemption, told["order_id"]))["state"] == "exchanged"


async def test_partners_are_owed_what_was_handed_over_and_no_more(redemption: Redemption) -> None:
    """120 × 8.00 less 2% = 940.80 in all (C28), told with the hand-over and with the return."""
    open_for_orders(redemption)
    await enrol(redemption, 100_000)
    told = await ordered(redemption, line("milk-tea", 121), line("plant-a-tree"))
    period = f"{datetime.now(_SHANGHAI):%Y-%m}"
    statement = f"/v1/programs/{PROGRAM}/statements/partner/{period}/tea-house"
    assert (await redemption.http.get(statement)).status_code == 404  # nothing was handed over yet
    await done(redemption, told["order_id"], "fulfilments")
    await done(redemption, told["order_id"], "returns", lines=[{"line_id": "1", "quantity": 1}])
    assert (await redemption.http.get(statement)).json()["owed_minor"] == 94_080
    (handed,) = await redemption.published(OrderFulfilled)
    assert isinstance(handed, OrderFulfilled)
    assert [(one.partner_id, one.contract_price_minor, one.fee_minor) for one in handed.lines] == [
        ("tea-house", 121 * 800, 121 * 16),
        ("city-trees", 5_000, 0),
    ]
    (back,) = await redemption.published(OrderReturned)
    assert isinstance(back, OrderReturned)
    assert [(one.quantity, one.contract_price_minor, one.fee_minor) for one in back.settlement] == [(1, 800, 16)]


async def test_returned_vouchers_end_and_used_ones_cannot_come_back(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("coupon", 2))
    swapped = await done(redemption, told["order_id"], "replacements", lines=[{"line_id": "1", "quantity": 1}])
    assert (await shown(redemption, swapped["new_order_id"]))["state"] == "fulfilled"
    back = await done(redemption, told["order_id"], "returns", "r-1")
    assert back["points"] == 200
    assert len(await redemption.published(VoucherEnded)) == 2
    open_codes = await redemption.http.get(f"/v1/programs/{PROGRAM}/members/m-1/vouchers")
    codes = [one["code"] for one in open_codes.json()["vouchers"] if one["state"] == "issued"]
    bill = {"merchant_id": "shop-1", "currency": "CNY", "lines": [
        {"line_id": "1", "sku": "s", "category": "fruit", "labels": [], "net_minor": 12_000}]}  # fmt: skip
    used = await redemption.http.post(
        f"/v1/programs/{PROGRAM}/voucher-uses", json={**bill, "code": codes[0]}, headers={"Idempotency-Key": "till"}
    )
    assert used.status_code == 201, used.text
    refused = await step(redemption, swapped["new_order_id"], "returns", "r-2")
    assert (refused.status_code, refused.json()["code"]) == (409, "VOUCHER_USED")
    await redemption.assert_books_hold()


async def test_points_of_a_lot_whose_date_has_passed_live_thirty_days_more(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await redemption.post(registered("m-1"))
    await redemption.post(grant("dated", 1_000, life_days=32))  # granted 30 days ago: two days are left
    told = await ordered(redemption, line())
    await done(redemption, told["order_id"], "fulfilments")
    async with days_later(redemption, 4) as later:
        await done(later, told["order_id"], "returns")
        shown_now = await later.balance()
        (coming,) = [one for one in _expiries(shown_now) if one["points"] == 500][-1:]
        lives = datetime.fromisoformat(coming["at"]) - datetime.now(UTC)
        assert timedelta(days=33) < lives < timedelta(days=35)
        await later.assert_books_hold()


def _expiries(balance: dict[str, Any]) -> list[dict[str, Any]]:
    expiries: list[dict[str, Any]] = balance["expiries"]
    return expiries


async def test_an_orders_past_cannot_be_changed(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 2))
    await done(redemption, told["order_id"], "fulfilments")
    pool = redemption.running.pool
    for statement in ("DELETE FROM order_change", "UPDATE order_change_line SET points = 1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
    with pytest.raises(asyncpg.CheckViolationError, match="not what its changes made of them"):
        await pool.execute(
            f"""
            BEGIN;
            INSERT INTO order_change (change_id, order_id, kind, idempotency_key, body_hash, points, points_kept,
                                      amount_minor, defect, no_show, reason, changed_at)
            VALUES ('{_NEVER}', '{told["order_id"]}', 'fulfilled', 'k', '', 0, 0, 0, false, false, 'r', now());
            INSERT INTO order_change_line VALUES ('{_NEVER}', '1', 1, 0, 0, 0);
            COMMIT
            """  # noqa: S608 - the ids are the test's own
        )
