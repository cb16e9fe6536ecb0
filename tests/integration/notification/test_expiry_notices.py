"""Expiry notices: each is a message of its own, for redemption waits for the one that names its event (C20)."""

import pytest

from shared.events.message_sent import MessageSent
from tests.infrastructure.mail_server import MailServer
from tests.integration.notification.harness import Notification, contact, expiring, registered

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_notice_is_a_message_that_names_its_event_as_its_cause(
    service: Notification, mail: MailServer
) -> None:
    await service.post(registered(locale="en"))
    await service.post(contact())
    notices = [expiring("a", 100), expiring("b", 30, lots=2), expiring("a", 100, days=30)]
    await service.post(*notices)
    await service.sweep()
    sent = [told for _, told in await service.published() if isinstance(told, MessageSent)]
    in_app = [told for told in sent if told.channel == "in_app"]
    assert {told.causation_id for told in in_app} == {event_id for event_id, *_ in notices}
    assert {told.template for told in sent} == {"points_expiring"}
    assert len(mail.to("m-1@example.test")) == 3
    await service.assert_books_hold()


async def test_a_repeat_is_told_once(service: Notification, mail: MailServer) -> None:
    await service.post(registered())
    assert await service.post(expiring("a", 100), expiring("a", 100)) == {"applied": 1, "duplicate": 1}
    await service.sweep()
    assert len((await service.inbox())["messages"]) == 1


async def test_who_wants_no_mail_is_told_in_the_inbox_which_counts(service: Notification, mail: MailServer) -> None:
    await service.post(registered(consents={"email": False, "marketing": False}))
    await service.post(contact())
    await service.post(expiring("a", 100))
    await service.sweep()
    states = await service.states()
    assert states["points_expiring", "in_app"] == "sent"
    assert states["points_expiring", "email"].startswith("suppressed")
    assert mail.to("m-1@example.test") == []
