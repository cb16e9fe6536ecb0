"""The audit's check of orders: silent on true books, and each falsification is found."""

import pytest

from services.operator.audit.checks.orders import DIFFERING
from tests.integration.redemption.harness import Redemption
from tests.integration.redemption.ordering import done, enrol, line, open_for_orders, ordered

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _a_few_orders(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption, 20_000)
    kept = await ordered(redemption, line("fruit-box", 2), line("pair", 3), line("pan"))
    await done(redemption, kept["order_id"], "fulfilments")
    await done(redemption, kept["order_id"], "returns", lines=[{"line_id": "2", "quantity": 1}])
    swapped = await done(redemption, kept["order_id"], "replacements", lines=[{"line_id": "1", "quantity": 1}])
    await done(redemption, swapped["new_order_id"], "fulfilments")
    await done(redemption, swapped["new_order_id"], "returns", "all")
    gone = await ordered(redemption, line("spa", slot="2099-01-01T10:00"), key="order-2")
    await done(redemption, gone["order_id"], "cancellations")
    await ordered(redemption, line("coupon"), line("milk-tea"), key="order-3")


async def _differences(redemption: Redemption) -> list[str]:
    return [row["wrong"] for row in await redemption.running.pool.fetch(DIFFERING)]


async def test_true_books_differ_in_nothing(redemption: Redemption) -> None:
    await _a_few_orders(redemption)
    assert await _differences(redemption) == []
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM order_change") == 7


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        ("UPDATE reward_order SET points = points + 1 WHERE idempotency_key = 'order-3'", "sum to its points"),
        ("UPDATE order_line SET amount_minor = amount_minor + 1 WHERE reward_id = 'pan'", "sum to its money"),
        ("UPDATE reward_order SET member_id = 'm-2' WHERE idempotency_key = 'order-3'", "another member's"),
        ("UPDATE order_line SET returned = returned + 1 WHERE reward_id = 'pair'", "units returned"),
        ("UPDATE order_line SET state = 'fulfilled', fulfilled_at = now(), return_until = now() "
         "WHERE reward_id = 'milk-tea'", "units handed over"),
        ("UPDATE order_change SET points_kept = 7 WHERE kind = 'cancelled'", "a change does not give back"),
        ("UPDATE order_change_line SET points = points + 1000 WHERE change_id = (SELECT change_id FROM order_change "
         "WHERE kind = 'cancelled')", "points given back or kept"),
        ("UPDATE restoration SET points = points - 1 WHERE reason LIKE '%cancelled'", "not those restored"),
        ("UPDATE reward_claim SET units = units + 1 WHERE reward_id = 'fruit-box'", "claimed of the stock"),
        ("UPDATE reward_order SET points = points + 1 WHERE exchanged_from IS NOT NULL", "what its debit is"),
    ],
)  # fmt: skip
async def test_a_falsified_order_is_found(redemption: Redemption, spoil: str, found: str) -> None:
    await _a_few_orders(redemption)
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        for table in ("reward_order", "order_line", "order_change", "order_change_line", "restoration"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await connection.execute(spoil)
        wrong = [row["wrong"] for row in await connection.fetch(DIFFERING)]
    assert [each for each in wrong if found in each], wrong
