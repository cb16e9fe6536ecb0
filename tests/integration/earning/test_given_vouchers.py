"""The voucher of an invited member's first order: asked for once, in either order of arrival, paid by its budget."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from shared.programs.vouchers import GivenVoucher
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import purchase, refund
from tests.integration.earning.harness import Earning, program, record, registration, started
from tests.integration.earning.test_referrals import DAY, INVITERS, accepted, deliver
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning_handlers.deeds import INVITEE, INVITER
from tests.unit.programs.packs import NAME

GRANTS = "points.grants.v1"
HELLO = GivenVoucher.model_validate(
    {
        "voucher_id": "hello",
        "name": NAME,
        "given_for": "referral_invitee",
        "amount_minor": 500,
        "valid_days": 30,
        "budget_id": "marketing",
    }
)
LINK = accepted("link", "carol", "bob")
ORDER = record("buy", purchase("r1", "carol", 3_000, 3_000), ago=2 * DAY)
HALF_BACK = record("half", refund("f1", "r1", "carol", ("1", 3_000)), ago=DAY)
REST_BACK = record("rest", refund("f2", "r1", "carol", ("2", 3_000)), ago=DAY / 2)


@pytest_asyncio.fixture(loop_scope="session")
async def giving(database: Database) -> AsyncIterator[Earning]:
    pack = program(rules=(ONE_PER_YUAN, INVITER, INVITEE), vouchers=(HELLO,))
    async with started(database.dsns["earning"], pack) as books:
        await books.register("carol")
        await books.register("bob", partition=INVITERS)
        yield books


async def told(earning: Earning, name: str) -> list[dict[str, Any]]:
    """Events of that name in the outbox, data and envelope together."""
    rows = await earning.outbox(GRANTS)
    events = [orjson.loads(row["payload"]) for row in rows if row["type"] == f"greenpoints.{name}.v1"]
    return [event["data"] | {"event_id": event["id"], "time": event["time"]} for event in events]


async def spent(earning: Earning) -> int:
    amount: int = await earning.running.pool.fetchval("SELECT sum(spent_minor)::bigint FROM budget_slice")
    return amount


@pytest.mark.parametrize("events", [(LINK, ORDER), (ORDER, LINK)], ids=["link first", "order first"])
async def test_it_is_asked_for_alike_in_either_order(giving: Earning, events: tuple[Delivered, Delivered]) -> None:
    for event in (*events, *events):
        await giving.post(event)
        await deliver(giving)
    (asked,) = await told(giving, "voucher.requested")
    assert asked["event_id"] == asked["request_id"]
    assert (asked["kind"], asked["member_id"], asked["reason"]) == ("hello", "carol", "referral_invitee")
    assert (asked["budget_id"], asked["expected_cost"]["amount_minor"]) == ("marketing", 500)
    assert asked["correlation_id"].endswith("#buy")
    assert asked["source"]["other_member_id"] == "bob"
    order_time = ORDER.required_event.time
    assert asked["time"] == order_time.isoformat().replace("+00:00", "Z")
    assert await spent(giving) == (60 + 50 + 100) * 5 + 500
    await giving.assert_books_hold()


async def test_all_of_the_order_coming_back_recalls_it_once(giving: Earning) -> None:
    for event in (LINK, ORDER, HALF_BACK):
        await giving.post(event)
    assert await told(giving, "voucher.recalled") == []
    for event in (REST_BACK, REST_BACK):
        await giving.post(event)
    await deliver(giving)
    (asked,), (back,) = await told(giving, "voucher.requested"), await told(giving, "voucher.recalled")
    assert (back["request_id"], back["refund_id"]) == (asked["request_id"], "f2")
    assert await spent(giving) == 500  # whether it was used before, earning cannot know: its cost stays
    await giving.assert_books_hold()


@pytest.mark.parametrize("first", [True, False], ids=["refund first", "link last"])
async def test_an_order_that_came_back_before_gives_none(giving: Earning, first: bool) -> None:
    whole = record("whole", refund("f1", "r1", "carol", ("1", 3_000), ("2", 3_000)), ago=DAY)
    for event in (whole, ORDER, LINK) if first else (ORDER, whole, LINK):
        await giving.post(event)
    assert await told(giving, "voucher.requested") == []
    assert await spent(giving) == 0


async def test_a_budget_that_cannot_pay_it_says_so(database: Database) -> None:
    poor = program(rules=(ONE_PER_YUAN, INVITER, INVITEE), vouchers=(HELLO,), approved_minor=60 * 5 + 499)
    async with started(database.dsns["earning"], poor) as earning:
        await earning.register("carol")
        await earning.register("bob", partition=INVITERS)
        for event in (LINK, ORDER):
            await earning.post(event)
        assert await told(earning, "voucher.requested") == []
        refused = [each for each in await told(earning, "points.declined") if "voucher" in each.get("detail", "")]
        assert [each["code"] for each in refused] == ["BUDGET_EXHAUSTED"]
        await earning.assert_books_hold()


async def test_exactly_what_is_left_pays_it(database: Database) -> None:
    pack = program(rules=(ONE_PER_YUAN,), vouchers=(HELLO,), approved_minor=60 * 5 + 500)
    async with started(database.dsns["earning"], pack) as earning:
        await earning.register("carol")
        for event in (LINK, ORDER):
            await earning.post(event)
        assert len(await told(earning, "voucher.requested")) == 1
        assert await earning.outcomes() == [("buy", "granted", None), ("link", "linked", None)]
        await earning.assert_books_hold()


async def test_it_needs_a_verified_phone(giving: Earning) -> None:
    await giving.post(registration("dora", phone_verified=False))
    await giving.post(accepted("link-dora", "dora", "bob"))
    await giving.post(record("buy-dora", purchase("r9", "dora", 6_000), ago=2 * DAY))
    assert await told(giving, "voucher.requested") == []
    assert {each["code"] for each in await told(giving, "points.declined")} == {"ISSUE_TO_UNSPECIFIED"}
