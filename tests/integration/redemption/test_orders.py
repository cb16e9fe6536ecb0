"""Placing orders: all lines or none, one debit, at the price that was promised."""

from typing import Any

import asyncpg
import pytest

from shared.events.order_fulfilled import OrderFulfilled
from shared.events.order_placed import OrderPlaced
from shared.events.points_redeemed import PointsRedeemed
from shared.events.voucher_issued import VoucherIssued
from tests.integration.redemption.harness import Redemption, grant_id, hold, start, stop
from tests.integration.redemption.ordering import (
    REWARDS,
    SHOP,
    done,
    enrol,
    left,
    line,
    open_for_orders,
    order,
    ordered,
    shown,
)
from tests.integration.redemption.storefront import ask_quote, open_shop
from tests.unit.programs.packs import reward
from tests.unit.redemption.contracts import agreement, partner

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_order_takes_points_and_stock_of_all_lines_at_once(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 2), line("pan"), line("pair", 3), recipient_ref="friend-7")
    assert [(one["line_id"], one["points"], one["amount_minor"]) for one in told["lines"]] == [
        ("1", 1_000, 0),
        ("2", 300, 2_000),
        ("3", 200, 0),  # three units of two each: two claims
    ]
    assert (told["points"], told["amount_minor"], told["currency"], told["recipient_ref"]) == (
        1_500, 2_000, "CNY", "friend-7",
    )  # fmt: skip
    assert (await redemption.balance())["available"] == 3_500
    assert (await left(redemption), await left(redemption, "pair")) == (8, 7)
    look_through = (await redemption.http.get(f"/v1/redemptions/{told['redemption_id']}")).json()
    assert [(part["grant_id"], part["points"]) for part in look_through["allocations"]] in (
        [(str(grant_id("m-1-a")), 1_500)],
        [(str(grant_id("m-1-b")), 1_500)],
    )
    assert (await shown(redemption, told["order_id"]))["state"] == "placed"
    await redemption.assert_books_hold()


async def test_an_order_is_told_whole_by_one_event(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 2), line("fruit-box"), line("cheese"), key="k-9")
    (event,) = await redemption.published(OrderPlaced)
    assert isinstance(event, OrderPlaced)
    assert (event.order_id, event.redemption_id, event.points) == (told["order_id"], told["redemption_id"], 1_550)
    assert [(one.quantity, one.points, one.stock_before, one.stock_after) for one in event.lines] == [
        (2, 1_000, 10, 8),
        (1, 500, 8, 7),
        (1, 50, None, None),
    ]
    assert (event.price_version, event.idempotency_key) == (1, "k-9")
    (debit,) = await redemption.published(PointsRedeemed)
    assert isinstance(debit, PointsRedeemed)
    assert (debit.redemption_id, debit.points, debit.correlation_id) == (
        event.redemption_id, 1_550, event.correlation_id,
    )  # fmt: skip


async def test_one_key_is_one_order_and_answers_alike_for_ever(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    first = await order(redemption, line())
    open_shop(redemption, {"rewards": [reward(9_999, reward_id="other")]})  # the reward is gone, its order stands
    again = await order(redemption, line())
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    for other in (await order(redemption, line(quantity=2)), await order(redemption, line(), recipient_ref="x")):
        assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert (await redemption.balance())["available"] == 4_500
    assert len(await redemption.published(OrderPlaced)) == 1


async def test_a_key_that_paid_for_something_else_is_taken(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    assert (await redemption.spend(10, "till-1")).status_code == 201
    refused = await order(redemption, line(), key="till-1")
    assert (refused.status_code, refused.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    await ordered(redemption, line(), key="order-7")
    refused = await redemption.spend(10, "order-7")
    assert (refused.status_code, refused.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


async def test_the_quoted_price_is_honoured_after_it_was_raised(redemption: Redemption) -> None:
    """C16: quoted at 500, then the version in force asks 900."""
    open_for_orders(redemption)
    await enrol(redemption)
    quoted = (await ask_quote(redemption, line())).json()
    cheap, dear = (
        {"rewards": list(REWARDS)},
        {"rewards": [reward(900, 5_000)], "effective_at": "2026-01-01T00:00:00+08:00"},
    )
    open_shop(redemption, _named(cheap), dear)
    told = await ordered(redemption, quote_id=quoted["quote_id"])
    assert (told["points"], told["price_version"], told["quote_id"]) == (500, 1, quoted["quote_id"])
    unquoted = await ordered(redemption, line(), key="order-2")
    assert (unquoted["points"], unquoted["price_version"]) == (900, 2)


def _named(parts: dict[str, Any]) -> dict[str, Any]:
    return {"rewards": [one for one in parts["rewards"] if "partner_id" not in one and one["kind"] != "donation"]}


async def test_a_quote_is_good_for_its_minutes_only(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    quoted = (await ask_quote(redemption, line())).json()
    later = await start(redemption.running.settings.database.get_secret_value(), 11 * 60)
    later.running.programs = redemption.running.programs
    try:
        refused = await order(later, quote_id=quoted["quote_id"])
    finally:
        await stop(later)
    assert (refused.status_code, refused.json()["code"]) == (409, "QUOTE_EXPIRED")
    assert (await order(redemption, quote_id=quoted["quote_id"])).status_code == 201


async def test_a_listed_party_orders_nothing_and_may_still_give_back(redemption: Redemption) -> None:
    """C27: what was begun before may end."""
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line())
    await redemption.running.pool.execute("UPDATE member SET listed_party = true")
    refused = await order(redemption, line(), key="order-2")
    assert (refused.status_code, refused.json()["code"], refused.json()["control"]) == (409, "LISTED_PARTY", "C27")
    await done(redemption, told["order_id"], "cancellations")
    assert (await redemption.balance())["available"] == 5_000


async def test_a_quote_of_another_member_is_not_found(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    await enrol(redemption, member="m-2")
    quoted = (await ask_quote(redemption, line())).json()
    refused = await order(redemption, quote_id=quoted["quote_id"], member="m-2")
    assert refused.status_code == 404


async def test_nothing_is_taken_when_one_line_cannot_be_had(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption, 20_000)
    await ordered(redemption, line("fruit-box"))
    refused = await order(redemption, line("pair", 2), line("fruit-box", 10), key="order-2")
    told = refused.json()
    assert (refused.status_code, told["code"], told["control"]) == (409, "OUT_OF_STOCK", "C16")
    assert set(told["reason"]) == {"zh-CN", "en"}
    assert told["request_id"]
    assert (await redemption.balance())["available"] == 19_500
    assert await left(redemption) == 9
    (kept,) = await redemption.running.pool.fetch("SELECT code, subject, reward_id, request_id FROM refusal")
    assert tuple(kept) == ("OUT_OF_STOCK", "order", "fruit-box", told["request_id"])
    assert (await order(redemption, line("pair", 2), key="order-2")).status_code == 201  # the key was not used up


async def test_too_few_points_take_no_stock(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption, 400)
    refused = await order(redemption, line())
    told = refused.json()
    assert (refused.status_code, told["code"], told["points"], told["available"]) == (
        409, "INSUFFICIENT_POINTS", 500, 400,
    )  # fmt: skip
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM stock_count WHERE taken > 0") == 0


async def test_held_points_do_not_pay(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    await redemption.post(hold("h1"))
    refused = await order(redemption, line())
    assert (refused.status_code, refused.json()["code"]) == (409, "HELD_FOR_REVIEW")


async def test_a_limit_counts_over_lines_and_orders(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    await ordered(redemption, line("pair", 2))
    refused = await order(redemption, line("pair", 2), line("pair", 1), key="order-2")
    assert (refused.status_code, refused.json()["code"]) == (409, "LIMIT_REACHED")
    await ordered(redemption, line("pair", 2), key="order-3")


async def test_a_partner_without_contract_and_an_unsigned_donation_are_refused(redemption: Redemption) -> None:
    """C08, C32: the contract ended yesterday; the agreement is a draft."""
    draft = agreement(period={"from": "2025-01-01", "to": "2030-01-01"})
    del draft["signed_on"]
    open_for_orders(redemption, partners=[partner(until="2026-01-01")], donation_agreements=[draft])
    await enrol(redemption)
    codes = [(await order(redemption, line(name), key=name)).json()["code"] for name in ("milk-tea", "plant-a-tree")]
    assert codes == ["PARTNER_NOT_CONTRACTED", "DONATION_AGREEMENT_MISSING"]
    assert (await redemption.balance())["available"] == 5_000


async def test_a_voucher_is_handed_over_with_its_order(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("coupon", 2), line("fruit-box"))
    now = await shown(redemption, told["order_id"])
    assert [(one["line_id"], one["state"]) for one in now["lines"]] == [("1", "fulfilled"), ("2", "placed")]
    assert now["state"] == "placed"  # the box still waits
    assert len(await redemption.published(VoucherIssued)) == 2
    (event,) = await redemption.published(OrderFulfilled)
    assert isinstance(event, OrderFulfilled)
    assert [(one.line_id, one.quantity, one.partner_id) for one in event.lines] == [("1", 2, None)]
    assert len(await redemption.published(OrderPlaced)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"lines": []},
        {"lines": [{"reward_id": "fruit-box", "quantity": 0}]},
        {"lines": [{"reward_id": "fruit-box", "quantity": 1}], "recipient_ref": "ben@example.org"},
        {"lines": [{"reward_id": "fruit-box", "quantity": 1}], "recipient_ref": "+86 138 0013 8000"},
        {"lines": [{"reward_id": "fruit-box", "quantity": 1}], "payers": ["m-1", "m-2"]},
        {"lines": [{"reward_id": "fruit-box", "quantity": 1, "slot": "2026-12-01"}]},
        {"lines": [{"reward_id": "spa", "quantity": 1}]},
        {"lines": [{"reward_id": "spa", "quantity": 1, "slot": "2020-01-01T10:00"}]},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(redemption: Redemption, body: dict[str, Any]) -> None:
    """No payers but the member: there is no way to pool points (C14). An address is no reference to one."""
    open_for_orders(redemption)
    await enrol(redemption)
    answer = await redemption.http.post(f"{SHOP}/members/m-1/orders", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422, answer.text
    assert (await redemption.balance())["available"] == 5_000


async def test_what_is_not_there_is_not_found(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    assert (await order(redemption, line("no-such"))).status_code == 404
    assert (await order(redemption, line(), member="nobody")).status_code == 404
    assert (await redemption.http.get(f"/v1/orders/{grant_id('x')}")).status_code == 404
    empty = await redemption.http.get(f"{SHOP}/members/m-1/orders")
    assert empty.json() == {"orders": [], "next_before": None}
    assert (await redemption.http.get(f"{SHOP}/members/nobody/orders")).status_code == 404


async def test_orders_are_paged_newest_first(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    placed = [(await ordered(redemption, line("pan"), key=f"k-{n}"))["order_id"] for n in range(5)]
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = (await redemption.http.get(f"{SHOP}/members/m-1/orders", params={"limit": "2", **before})).json()
        seen += [one["order_id"] for one in page["orders"]]
        if page["next_before"] is None:
            break
        before = {"before": page["next_before"]}
    assert seen == placed[::-1]


async def test_the_database_refuses_an_order_that_does_not_add_up(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    told = await ordered(redemption, line("fruit-box", 2))
    pool = redemption.running.pool
    copied = """
        INSERT INTO reward_order (order_id, program_id, member_id, redemption_id, state, points, amount_minor, currency,
                                  price_version, ordered_on, idempotency_key, body_hash, placed_at)
        SELECT gen_random_uuid(), program_id, member_id, redemption_id, state, points, amount_minor, currency,
               price_version, ordered_on, 'another', body_hash, placed_at FROM reward_order
    """
    with pytest.raises(asyncpg.CheckViolationError, match="do not sum"):
        await pool.execute(copied)
    with pytest.raises(asyncpg.CheckViolationError, match="units_once"):
        await pool.execute(
            "UPDATE order_line SET state = 'fulfilled', fulfilled_at = now(), return_until = now(), returned = 3 "
            "WHERE order_id = $1",
            told["order_id"],
        )
