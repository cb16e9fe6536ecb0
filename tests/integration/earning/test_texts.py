"""Text that PostgreSQL, JSON or a careless hand may dislike comes out as it went in."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from shared.events.purchase_completed import PurchaseCompleted
from tests.infrastructure.till import purchase, refund
from tests.integration.earning.harness import NOW, Earning, record

ODD = [
    "'); DROP TABLE receipt; --",
    'quote " and \\ backslash \\u0000',
    "{braces},[brackets],NULL",
    "emoji 🍏🥝",
    "鲜果积分",
    "%s %(x)s $1 :name ${}",
    "e\u0301 ﬃ שלום",
]
NAME = 'emoji 👩🍏, \\, "quoted", \\u0000, </script>, {}'


def odd_purchase(receipt_id: str, text: str) -> PurchaseCompleted:
    plain = purchase(receipt_id, text, 6_000)
    (bought,) = plain.lines
    odd = bought.model_copy(update={"line_id": text, "sku": text, "name": NAME, "labels": (text,), "category": text})
    return plain.model_copy(update={"lines": (odd,), "store_id": text, "terminal_id": text, "codes": (text,)})


@pytest.mark.parametrize("text", ODD)
async def test_odd_text_survives_purchase_refund_and_reading(earning: Earning, text: str) -> None:
    await earning.register(text)
    await earning.post(record(f"buy{text}", odd_purchase(text, text), ago=timedelta(hours=2)))
    back = refund("f1", text, text, ("1", 6_000))
    (asked,) = back.lines
    asked = asked.model_copy(update={"line_id": text, "sku": text})
    await earning.post(record(f"back{text}", back.model_copy(update={"lines": (asked,)}), ago=timedelta(hours=1)))
    assert await earning.points() == (60, 60)
    row = await earning.running.pool.fetchrow("SELECT receipt_id, member_id, event_id, purchase FROM receipt")
    assert row is not None
    assert tuple(row)[:3] == (text, text, f"buy{text}")
    assert orjson.loads(row["purchase"])["lines"][0]["name"] == NAME
    (line,) = await earning.running.pool.fetch("SELECT line_id, sku FROM receipt_line")
    assert tuple(line) == (text, text)
    await earning.assert_books_hold()


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Shanghai"])
async def test_the_earliest_time_there_can_be_is_stored_and_read_again(earning: Earning, zone: str) -> None:
    """Whatever time zone the server speaks by default: its JSON must stay readable."""
    pool = earning.running.pool
    name = await pool.fetchval("SELECT current_user")
    await pool.execute(f"ALTER ROLE \"{name}\" SET TimeZone TO '{zone}'")
    await pool.expire_connections()
    await earning.register("ann")
    ancient = datetime(1000, 1, 1, tzinfo=UTC)
    await earning.post(record("old", purchase("r1", "ann", 6_000), ago=NOW - ancient))
    await earning.post(record("back", refund("f1", "r1", "ann", ("1", 6_000)), ago=timedelta(hours=1)))
    assert await earning.outcomes() == [("back", "nothing_to_take", None), ("old", "declined", "PROGRAM_NOT_IN_FORCE")]
