"""Quotes that ended long ago are deleted; orders answer as before."""

from datetime import timedelta
from typing import Any

import pytest

from services.redemption.metrics import QUOTES_DELETED
from services.redemption.sweepers import sweep_quotes as sweeper
from services.redemption.sweepers.sweep_quotes import sweep_quotes
from tests.integration.redemption.harness import Redemption
from tests.integration.redemption.ordering import enrol, line, open_for_orders, order
from tests.integration.redemption.storefront import ask_quote

pytestmark = pytest.mark.asyncio(loop_scope="session")

_AGE = """
    UPDATE quote SET quoted_at = quoted_at - $2::interval, expires_at = expires_at - $2::interval WHERE quote_id = $1
"""


async def _quoted(redemption: Redemption, key: str, ended_days_ago: int) -> Any:
    """A quote whose ten minutes began so many days and an hour ago; 0: now."""
    quote = (await ask_quote(redemption, line(), key=key)).json()
    if ended_days_ago:
        long_ago = timedelta(days=ended_days_ago, hours=1)
        await redemption.running.pool.execute(_AGE, quote["quote_id"], long_ago)
    return quote


async def _kept(redemption: Redemption) -> set[str]:
    return {row["idempotency_key"] for row in await redemption.running.pool.fetch("SELECT * FROM quote")}


async def test_what_ended_thirty_days_ago_goes_and_the_rest_stays(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    for key, days in (("now", 0), ("recent", 29), ("old", 30), ("older", 400)):
        await _quoted(redemption, key, days)
    before = QUOTES_DELETED._value.get()
    await sweep_quotes(redemption.running)
    assert await _kept(redemption) == {"now", "recent"}
    assert QUOTES_DELETED._value.get() - before == 2
    await sweep_quotes(redemption.running)
    assert await _kept(redemption) == {"now", "recent"}


async def test_an_order_answers_alike_after_its_quote_was_deleted(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    quote = await _quoted(redemption, "q", 0)
    first = await order(redemption, quote_id=quote["quote_id"])
    assert first.status_code == 201
    await redemption.running.pool.execute("UPDATE quote SET quoted_at = '2020-01-01', expires_at = '2020-01-02'")
    await sweep_quotes(redemption.running)
    assert await _kept(redemption) == set()
    again = await order(redemption, quote_id=quote["quote_id"])
    assert (again.status_code, again.json()) == (201, first.json())
    shown = await redemption.http.get(f"/v1/orders/{first.json()['order_id']}")
    assert shown.json()["quote_id"] == quote["quote_id"]
    late = await order(redemption, quote_id=quote["quote_id"], key="order-2")
    assert late.status_code == 404


async def test_small_batches_get_through_many(redemption: Redemption, monkeypatch: pytest.MonkeyPatch) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    for number in range(5):
        await _quoted(redemption, f"q-{number}", 31)
    monkeypatch.setattr(sweeper, "AT_ONCE", 2)
    async with redemption.running.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM quote WHERE idempotency_key = 'q-3' FOR UPDATE")  # another worker's
        await sweep_quotes(redemption.running)
        assert await _kept(redemption) == {"q-3"}
    await sweep_quotes(redemption.running)
    assert await _kept(redemption) == set()
