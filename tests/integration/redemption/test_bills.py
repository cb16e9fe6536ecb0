"""A bill's total is one amount of money: what no event could tell is refused as the body is read."""

from typing import Any

import httpx
import pytest

from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.fields import MAX_SAFE_INTEGER
from tests.integration.redemption import shop, till
from tests.integration.redemption.harness import Redemption
from tests.integration.redemption.ordering import enrol

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _told(answer: httpx.Response) -> tuple[int, bool]:
    return answer.status_code, "the bill's total is more than" in answer.text


async def test_points_pay_a_bill_up_to_the_largest_amount(redemption: Redemption) -> None:
    """100 points pay 5.00, and there are enough for half as much again."""
    till.open_till(redemption)
    await enrol(redemption, MAX_SAFE_INTEGER * 3 // 10)
    refused = await till.ask(redemption, "a", till.bill(MAX_SAFE_INTEGER, MAX_SAFE_INTEGER))
    assert _told(refused) == (422, True)
    refused = await till.ask(redemption, "a", till.bill(MAX_SAFE_INTEGER), shipping_minor=1)
    assert _told(refused) == (422, True)
    placed = await till.authorize(redemption, "a", till.bill(MAX_SAFE_INTEGER - 2), shipping_minor=2)
    assert placed["amount_minor"] == MAX_SAFE_INTEGER // 500 * 500
    (event,) = await redemption.published(AuthorizationPlaced)
    assert isinstance(event, AuthorizationPlaced)
    assert event.amount_minor == placed["amount_minor"]


@pytest.mark.parametrize("nets", [(MAX_SAFE_INTEGER, MAX_SAFE_INTEGER), (MAX_SAFE_INTEGER, 1)])
async def test_a_voucher_counts_a_bill_up_to_the_largest_amount(redemption: Redemption, nets: tuple[int, int]) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    shown: dict[str, Any] = shop.bill(*(("fruit", net) for net in nets))
    assert _told(await shop.check(redemption, code, **shown)) == (422, True)
    assert _told(await shop.use(redemption, code, **shown)) == (422, True)
    shown = shop.bill(("fruit", MAX_SAFE_INTEGER - 1), ("fruit", 1))
    used = await shop.use(redemption, code, **shown)
    assert (used.status_code, used.json()["amount_minor"]) == (201, 5_000)
