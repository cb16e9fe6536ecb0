"""What is found by an id belongs to somebody: another merchant's or member's key neither reads nor touches it."""

from typing import Any

import httpx
import pytest

from tests.integration.redemption.harness import PROGRAM, TOKEN, Redemption
from tests.integration.redemption.ordering import enrol, line, open_for_orders, order, ordered
from tests.integration.redemption.storefront import ask_quote
from tests.integration.redemption.test_access import MERCHANT, Keys, issue_keys

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOP = f"/v1/programs/{PROGRAM}"
LINES = [{"line_id": "1", "sku": "apple", "category": "fruit", "net_minor": 10_000}]


async def _open(redemption: Redemption) -> Keys:
    open_for_orders(redemption, point_payment={"points": 100, "minor": 500})
    await enrol(redemption)
    await enrol(redemption, member="m-2")
    return await issue_keys(redemption)


async def _send(
    redemption: Redemption, bearer: str, method: str, path: str, body: Any = None, key: str = ""
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer}", **({"Idempotency-Key": key} if key else {})}
    return await redemption.http.request(method, path, headers=headers, json=body)


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_till_authorizes_and_ends_at_its_own_merchant_alone(redemption: Redemption) -> None:
    keys = await _open(redemption)
    bill = {"member_id": "m-1", "merchant_id": MERCHANT, "currency": "CNY", "lines": LINES, "points": 500}
    path = f"{SHOP}/authorizations"
    assert _code(await _send(redemption, keys.other_merchant, "POST", path, bill, "b-1")) == (403, "OUT_OF_SCOPE")
    assert _code(await _send(redemption, keys.elsewhere_till, "POST", path, bill, "b-1")) == (403, "OUT_OF_SCOPE")
    placed = await _send(redemption, keys.till, "POST", path, bill, "b-1")
    assert placed.status_code == 201, placed.text
    one = f"{path}/{placed.json()['authorization_id']}"
    for method, suffix, body in (("GET", "", None), ("POST", "/capture", {}), ("POST", "/void", None)):
        assert _code(await _send(redemption, keys.other_merchant, method, one + suffix, body)) == (404, "NOT_FOUND")
        assert _code(await _send(redemption, keys.elsewhere_till, method, one + suffix, body))[0] == 403
        assert _code(await _send(redemption, keys.member, method, one + suffix, body))[0] == 403
    assert (await _send(redemption, TOKEN, "GET", one)).json()["state"] == "placed", "nobody touched it"
    assert (await _send(redemption, keys.till, "POST", one + "/capture", {})).status_code == 200


async def test_a_till_uses_and_undoes_vouchers_at_its_own_merchant_alone(redemption: Redemption) -> None:
    keys = await _open(redemption)
    await ordered(redemption, line("coupon"))
    (voucher,) = (await _send(redemption, keys.member, "GET", f"{SHOP}/members/m-1/vouchers")).json()["vouchers"]
    shown = {"merchant_id": MERCHANT, "currency": "CNY", "lines": LINES, "code": voucher["code"]}
    for path in (f"{SHOP}/voucher-checks", f"{SHOP}/voucher-uses"):
        answer = await _send(redemption, keys.other_merchant, "POST", path, shown, "u-1")
        assert _code(answer) == (403, "OUT_OF_SCOPE"), path
    used = await _send(redemption, keys.till, "POST", f"{SHOP}/voucher-uses", shown, "u-1")
    assert used.status_code in (200, 201), used.text
    one = f"{SHOP}/voucher-uses/{used.json()['use_id']}"
    undoing = {"reason": "the bill was voided"}
    assert _code(await _send(redemption, keys.other_merchant, "GET", one)) == (404, "NOT_FOUND")
    assert _code(await _send(redemption, keys.other_merchant, "POST", one + "/undo", undoing)) == (404, "NOT_FOUND")
    assert (await _send(redemption, keys.till, "GET", one)).status_code == 200
    assert (await _send(redemption, keys.till, "POST", one + "/undo", undoing)).status_code == 200


async def test_a_members_order_quote_and_voucher_are_nobody_elses(redemption: Redemption) -> None:
    keys = await _open(redemption)
    placed = await ordered(redemption, line("fruit-box"))
    await ordered(redemption, line("coupon"), key="order-2")
    quote = (await ask_quote(redemption, line("fruit-box"))).json()["quote_id"]
    (voucher,) = (await _send(redemption, keys.member, "GET", f"{SHOP}/members/m-1/vouchers")).json()["vouchers"]
    one = f"/v1/orders/{placed['order_id']}"
    cancelling = {"reason": "changed my mind"}
    for stranger in (keys.other_member, keys.elsewhere_member, keys.till, keys.other_merchant):
        assert _code(await _send(redemption, stranger, "GET", one)) == (404, "NOT_FOUND")
        answer = await _send(redemption, stranger, "POST", one + "/cancellations", cancelling, "c-1")
        assert _code(answer) == (404, "NOT_FOUND")
    other = f"{SHOP}/members/m-2"
    assert (await _send(redemption, keys.other_member, "GET", f"{other}/quotes/{quote}")).status_code == 404
    taken = await _send(redemption, keys.other_member, "POST", f"{other}/orders", {"quote_id": quote}, "o-9")
    assert taken.status_code in (404, 409), taken.text
    picture = f"{other}/vouchers/{voucher['voucher_id']}/qr.svg"
    assert (await _send(redemption, keys.other_member, "GET", picture)).status_code == 404
    assert (await _send(redemption, keys.other_member, "GET", f"{other}/vouchers")).json()["vouchers"] == []

    assert (await _send(redemption, keys.member, "GET", one)).json()["state"] == "placed"
    cancelled = await _send(redemption, keys.member, "POST", one + "/cancellations", cancelling, "c-1")
    assert cancelled.status_code == 201, cancelled.text
    again = await order(redemption, quote_id=quote, key="order-3")
    assert again.status_code == 201, again.text
