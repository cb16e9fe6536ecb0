"""What members are told of their orders and vouchers, from redemption.orders.v1."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events.authorization_voided import AuthorizationVoided
from shared.events.event import EventData, Money
from shared.events.order_cancelled import OrderCancelled
from shared.events.order_exchanged import OrderExchanged
from shared.events.order_fulfilled import FulfilledLine, OrderFulfilled
from shared.events.order_placed import OrderLine, OrderPlaced
from shared.events.order_returned import OrderReturned
from shared.events.voucher_issued import VoucherIssued
from tests.infrastructure.mail_server import MailServer
from tests.integration.notification.harness import HAPPENED, PROGRAM, Notification, Told, contact, long_ago, registered

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDER, OTHER, REDEMPTION = (f"0f5c0000-0000-4000-8000-{number:012}" for number in range(3))
_ORDER = f"Your order with {PROGRAM}"
CODE_SHA256 = "ab" * 32
TEA = OrderLine(line_id="1", reward_id="milk-tea", kind="goods", quantity=2, claims=2, points=400, amount_minor=300)
HANDED = FulfilledLine(line_id="1", reward_id="milk-tea", quantity=1)
THREE_YUAN = Money(amount_minor=300, currency="CNY")


def _told(told: type[EventData], name: str, **said: Any) -> Told:
    caused = {
        "program_id": PROGRAM,
        "member_id": "m-1",
        "causation_id": f"key-{name}",
        "correlation_id": REDEMPTION,
        "idempotency_key": f"key-{name}",
        "body_hash": "00",
    }
    if told in (VoucherIssued, AuthorizationVoided):
        del caused["idempotency_key"], caused["body_hash"]
    return f"{told.TYPE}-{name}", "/redemption", HAPPENED, told(**{**caused, **said})


def _placed(order: str = ORDER) -> Told:
    return _told(OrderPlaced, order, order_id=order, lines=(TEA,), points=400, money=THREE_YUAN)


def _fulfilled(name: str) -> Told:
    return _told(OrderFulfilled, name, order_id=ORDER, lines=(HANDED,))


def _issued(number: int, order: str | None = ORDER) -> Told:
    return _told(
        VoucherIssued,
        str(number),
        voucher_id=f"0f5c1111-0000-4000-8000-{number:012}",
        code_sha256=CODE_SHA256,
        kind="voucher_amount",
        order_id=order,
        amount_minor=1_000,
        threshold_minor=0,
        currency="CNY",
        valid_until=datetime(2026, 12, 31, tzinfo=UTC),
        offer_id="ten-off",
    )


async def test_each_step_of_an_order_is_one_message_per_channel(service: Notification, mail: MailServer) -> None:
    await service.post(registered(locale="en"))
    await service.post(contact())
    steps = (
        _placed(),
        _fulfilled("first"),
        _told(
            OrderReturned, "back", order_id=ORDER, return_id=OTHER, lines=(TEA,), points=400, money=THREE_YUAN,
            reason="sour", defect=True,
        ),
        _told(OrderExchanged, "swap", order_id=ORDER, new_order_id=OTHER, lines=(TEA,), reason="sour"),
        _told(OrderCancelled, "late", order_id=ORDER, lines=(TEA,), points=300, reason="plans", points_kept=100),
    )  # fmt: skip
    for step in steps:
        await service.post(step)
    await service.sweep()
    said = {each.subject: each.body for each in mail.to("m-1@example.test")}
    placed, fulfilled, cancelled = said[_ORDER], said[f"{_ORDER} was handed over"], said[f"{_ORDER} was cancelled"]
    for words in (ORDER, "2 × milk-tea", "400 points and CN¥3.00"):
        assert words in placed
    assert "1 × milk-tea" in fulfilled
    assert "400 points and CN¥3.00 went back" in said[f"{PROGRAM} has taken your return"]
    assert OTHER in said[f"Your exchange with {PROGRAM}"]
    assert "300 points went back" in cancelled
    assert "100 points were kept" in cancelled
    assert len(await service.messages()) == 2 * len(steps)
    assert len((await service.inbox())["messages"]) == len(steps)
    await service.assert_books_hold()


async def test_repeats_tell_nothing_again(service: Notification) -> None:
    assert await service.post(_placed(), _placed()) == {"applied": 1, "duplicate": 1}
    await service.sweep()
    assert await service.post(_placed(), recorded=long_ago(0)) == {"applied": 1, "duplicate": 2}
    await service.sweep()
    assert await service.states() == {("order_placed", "email"): "queued", ("order_placed", "in_app"): "sent"}


async def test_orders_are_told_apart_and_hand_overs_of_one_together(service: Notification) -> None:
    await service.post(_placed(), _placed(OTHER), _fulfilled("first"), _fulfilled("second"))
    await service.sweep()
    told = [(row["template"], row["causes"]) for row in await service.messages() if row["channel"] == "in_app"]
    assert sorted(told) == [("order_fulfilled", 2), ("order_placed", 1), ("order_placed", 1)]
    await service.assert_books_hold()


async def test_the_vouchers_of_an_order_are_one_message_without_their_codes(
    service: Notification, mail: MailServer
) -> None:
    await service.post(registered(locale="en"))
    await service.post(contact())
    await service.post(_issued(1), _issued(2), _issued(3, order=None))
    await service.sweep()
    both, alone = sorted((each.body for each in mail.to("m-1@example.test")), key=len, reverse=True)
    assert both.count("ten-off: CN¥10.00 off") == 2
    assert alone.count("ten-off: CN¥10.00 off") == 1
    assert "under vouchers" in alone
    kept = await service.running.pool.fetchval("SELECT string_agg(notice_cause::text, '') FROM notice_cause")
    assert CODE_SHA256 not in both + alone + kept


async def test_who_wants_no_mail_finds_orders_in_the_inbox(service: Notification, mail: MailServer) -> None:
    await service.post(registered(locale="zh-CN", consents={"email": False}))
    await service.post(contact())
    await service.post(_placed())
    await service.sweep()
    assert mail.mails == []
    states = await service.states()
    assert states == {("order_placed", "email"): "suppressed NO_CONSENT", ("order_placed", "in_app"): "sent"}
    assert "共用 400 积分，另付 ¥3.00。" in (await service.inbox())["messages"][0]["body"]


async def test_what_happens_at_the_till_is_ignored(service: Notification) -> None:
    """The receipt tells it."""
    voided = _told(AuthorizationVoided, "v", authorization_id=ORDER, points_released=100, cause="voided")
    assert await service.post(voided) == {"ignored": 1}
