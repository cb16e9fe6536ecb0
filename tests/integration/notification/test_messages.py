"""What members are told: one message per cause and channel, worded in their language."""

from datetime import timedelta

import pytest

from services.notification.store.books import NoticeBooks
from tests.infrastructure.fixtures import Database
from tests.infrastructure.mail_server import MailServer
from tests.integration.notification.harness import (
    Notification,
    clawed_back,
    contact,
    debited,
    grant,
    held,
    hold_placed,
    hold_released,
    long_ago,
    matured,
    registered,
    released,
    start,
    stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_grants_of_a_window_are_one_message_per_channel(service: Notification, mail: MailServer) -> None:
    await service.post(registered(locale="en"))
    await service.post(contact())
    await service.post(grant("a", 128), grant("b", 20), recorded=long_ago())
    await service.post(grant("c", 2), recorded=long_ago() + timedelta(minutes=9))
    await service.sweep()
    (told,) = mail.to("m-1@example.test")
    assert told.subject == "You earned 150 points with fruit-shop"
    assert "receipt receipt-a" in told.body
    inbox = await service.inbox()
    assert [message["subject"] for message in inbox["messages"]] == [told.subject]
    assert inbox["messages"][0]["body"].replace("\r\n", "\n").strip() == told.body.replace("\r\n", "\n").strip()
    await service.assert_books_hold()


async def test_a_grant_recorded_after_the_window_opens_the_next_one(service: Notification, mail: MailServer) -> None:
    await service.post(registered())
    await service.post(contact())
    await service.post(grant("a", 1), recorded=long_ago())
    await service.post(grant("b", 2), recorded=long_ago() + timedelta(minutes=10))
    await service.sweep()
    assert [row["points"] for row in await service.messages() if row["channel"] == "email"] == [1, 2]
    assert len(mail.mails) == 2


async def test_repeats_tell_nothing_again(service: Notification, mail: MailServer) -> None:
    await service.post(registered())
    await service.post(contact())
    fates = await service.post(grant("a", 5), grant("a", 5))
    assert fates == {"applied": 1, "duplicate": 1}
    await service.sweep()
    fates = await service.post(grant("a", 5), recorded=long_ago(0))
    assert fates == {"applied": 1, "duplicate": 2}
    await service.sweep()
    assert len(mail.mails) == 1
    assert len(await service.messages()) == 2


async def test_a_repeat_whose_inbox_row_is_gone_still_tells_nothing(service: Notification) -> None:
    """Inbox rows are deleted some day; a cause is kept for ever."""
    await service.post(grant("a", 5))
    await service.running.pool.execute("DELETE FROM inbox")
    fates = await service.post(grant("a", 5), recorded=long_ago(0))
    assert fates == {"applied": 1, "duplicate": 1}
    await service.sweep()
    assert len(await service.messages()) == 2


async def test_reading_the_log_again_makes_the_same_messages(
    service: Notification, database: Database, mail: MailServer
) -> None:
    """However the records fall into batches and whenever notices close: the record's own time decides the windows."""
    hour = long_ago()
    log = [(grant(f"g{place}", place + 1), hour + timedelta(minutes=3 * place)) for place in range(12)]
    for told, recorded in log:
        await service.post(told, recorded=recorded)
    await service.sweep()
    first = {row["message_id"] for row in await service.messages()}
    assert len(first) == 2 * 3
    for table in ("message", "notice_cause", "notice", "inbox", "outbox", "partition_offset", "partition_owner"):
        await service.running.pool.execute(f"DELETE FROM {table}")  # noqa: S608 - names of the test
    again = await start(database.dsns["notification"], mail.address)
    try:
        for told, recorded in log[:5]:
            await again.post(told, recorded=recorded)
        await again.sweep()
        for told, recorded in log[5:]:
            await again.post(told, recorded=recorded)
        await again.sweep()
        assert {row["message_id"] for row in await again.messages()} > first  # and one more, for the window cut in two
        await again.assert_books_hold()
    finally:
        await stop(again)


async def test_a_notice_closed_between_load_and_save_is_decided_again(
    service: Notification, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch loses its claim on the closed notice and opens the next one: nothing is lost, nothing told twice."""
    await service.post(grant("a", 1))
    load = NoticeBooks.load
    closed: list[bool] = []

    async def load_then_close(self, connection, partition, events, programs):  # type: ignore[no-untyped-def]
        loaded = await load(self, connection, partition, events, programs)
        if not closed:
            closed.append(True)
            await service.sweep()
        return loaded

    monkeypatch.setattr(NoticeBooks, "load", load_then_close)
    await service.post(grant("b", 2))
    monkeypatch.undo()
    await service.sweep()
    assert closed
    assert [row["points"] for row in await service.messages() if row["channel"] == "in_app"] == [1, 2]
    await service.assert_books_hold()


async def test_a_hold_is_told_with_its_reason_and_its_release_with_the_note(
    service: Notification, mail: MailServer
) -> None:
    await service.post(registered(locale="en-GB"))
    await service.post(contact())
    await service.post(hold_placed("h-1", reason="seen on many devices"))
    await service.post(held("h-1", 300))
    await service.sweep()
    await service.post(hold_released("h-1", note="a family with one phone"))
    await service.post(released("h-1", 300))
    await service.sweep()
    review, free = mail.to("m-1@example.test")
    assert "300" in review.subject
    assert "seen on many devices" in review.body
    assert "Nov 29, 2026" in review.body
    assert "a family with one phone" in free.body


async def test_a_reason_that_comes_later_still_shows_in_the_inbox(service: Notification) -> None:
    await service.post(held("h-1", 300))
    await service.sweep()
    assert "Why" not in (await service.inbox(locale="en"))["messages"][0]["body"]
    await service.post(hold_placed("h-1", reason="seen on many devices"))
    assert "seen on many devices" in (await service.inbox(locale="en"))["messages"][0]["body"]


async def test_what_a_hold_binds_is_told_as_its_last_total(service: Notification) -> None:
    await service.post(held("h-1", 300), held("h-1", 420))
    await service.sweep()
    (row,) = [row for row in await service.messages() if row["channel"] == "in_app"]
    assert (row["points"], row["causes"]) == (420, 2)


async def test_one_refund_is_one_message_though_it_takes_from_two_grants(service: Notification) -> None:
    await service.post(clawed_back("a", 28), clawed_back("b", 2), clawed_back("c", 9, refund="refund-2"))
    await service.sweep()
    told = [row["points"] for row in await service.messages() if row["channel"] == "in_app"]
    assert sorted(told) == [9, 30]


async def test_what_repaid_a_deficit_is_not_told_as_usable(service: Notification) -> None:
    fates = await service.post(matured("a", 100, repaid=40), matured("b", 30, repaid=30))
    assert fates == {"applied": 1, "ignored": 1}
    await service.sweep()
    assert (await service.messages())[0]["points"] == 60


async def test_each_member_is_told_in_their_language(service: Notification, mail: MailServer) -> None:
    await service.post(registered("m-zh", locale="zh-CN"), registered("m-en", locale="en"), registered("m-none"))
    await service.post(contact("m-zh"), contact("m-en"), contact("m-none"))
    await service.post(grant("a", 1234, "m-zh"), grant("b", 1234, "m-en"), grant("c", 1234, "m-none"))
    await service.sweep()
    (chinese,), (english,), (unsaid,) = (mail.to(f"m-{who}@example.test") for who in ("zh", "en", "none"))
    assert chinese.subject == "您在fruit-shop获得 1,234 积分"
    assert "消费" in chinese.body
    assert english.subject == "You earned 1,234 points with fruit-shop"
    assert unsaid.subject == chinese.subject
    assert chinese.message["Content-Language"] == "zh-CN"


async def test_the_outcomes_are_published_with_ids_of_their_causes(service: Notification, mail: MailServer) -> None:
    await service.post(registered())
    await service.post(contact())
    await service.post(grant("a", 5))
    await service.sweep()
    told = [(kind, data.channel, data.causation_id) for kind, data in await service.published()]
    assert sorted(told) == [("sent", "email", "granted-a"), ("sent", "in_app", "granted-a")]
    (email,) = [data for _, data in await service.published() if data.channel == "email"]
    assert mail.mails[0].message_id == f"<{email.message_id}@greenpoints.invalid>"


async def test_a_debit_is_told_and_one_that_was_refused_is_not(service: Notification, mail: MailServer) -> None:
    await service.post(registered(locale="en"))
    await service.post(contact())
    fates = await service.post(debited("c-1", 70), debited("c-2", 900, code="INSUFFICIENT_POINTS"), recorded=long_ago())
    assert fates == {"applied": 1, "ignored": 1}
    await service.sweep()
    (told,) = mail.to("m-1@example.test")
    assert "taken back 70 points" in told.body
    await service.assert_books_hold()
