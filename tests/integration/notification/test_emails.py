"""The e-mail channel: consent, addresses that come late or go, a server that refuses, breaks off or is away."""

from datetime import timedelta
from typing import Any

import pytest

from services.notification.store.emails import claim, mark, try_later
from shared.events.kafka_binding import encode
from tests.infrastructure.fixtures import Database
from tests.infrastructure.mail_server import MailServer
from tests.integration.notification.harness import (
    CONTACTS,
    Notification,
    as_delivered,
    contact,
    grant,
    held,
    invited,
    long_ago,
    raw,
    registered,
    start,
    stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRANTED_EMAIL, GRANTED_IN_APP = ("points_granted", "email"), ("points_granted", "in_app")
WELCOME_EMAIL, WELCOME_IN_APP = ("referral_welcome", "email"), ("referral_welcome", "in_app")


@pytest.mark.parametrize(
    ("profile", "email", "in_app"),
    [
        pytest.param({"consents": {"email": False}}, "suppressed NO_CONSENT", "sent", id="opted out of e-mail"),
        pytest.param({"consents": {"marketing": False}}, "sent", "sent", id="opted out of marketing only"),
        pytest.param({"birth_year": 2014}, "suppressed GUARDIAN_CONSENT_REQUIRED", "sent", id="a child"),
        pytest.param({"birth_year": 2014, "consents": {"guardian": True}}, "sent", "sent", id="a guardian agreed"),
    ],
)
async def test_service_messages(service: Notification, profile: dict[str, Any], email: str, in_app: str) -> None:
    await service.post(registered(**profile))
    await service.post(contact())
    await service.post(grant("a", 5))
    await service.sweep()
    assert await service.states() == {GRANTED_EMAIL: email, GRANTED_IN_APP: in_app}


@pytest.mark.parametrize(
    ("profile", "state"),
    [
        pytest.param({}, "suppressed NO_CONSENT", id="nothing said"),
        pytest.param({"consents": {"marketing": False}}, "suppressed MARKETING_OPTED_OUT", id="opted out"),
        pytest.param(
            {"birth_year": 2009, "consents": {"marketing": True}},
            "suppressed GUARDIAN_CONSENT_REQUIRED",
            id="a minor",
        ),
        pytest.param({"consents": {"marketing": True}}, "sent", id="consented"),
    ],
)
async def test_marketing(service: Notification, mail: MailServer, profile: dict[str, Any], state: str) -> None:
    await service.post(registered(**profile))
    await service.post(contact())
    await service.post(invited())
    await service.sweep()
    assert await service.states() == {WELCOME_EMAIL: state, WELCOME_IN_APP: state}
    assert len(mail.mails) == (state == "sent")
    told = [(kind, getattr(data, "code", None)) for kind, data in await service.published()]
    kind, _, code = state.partition(" ")
    assert told == [(kind, code or None)] * 2


async def test_opting_out_counts_until_the_message_is_handed_over(service: Notification, mail: MailServer) -> None:
    await mail.stop()
    await service.post(registered())
    await service.post(contact())
    await service.post(grant("a", 5))
    await service.sweep()
    assert (await service.states())[GRANTED_EMAIL] == "queued"
    await service.post(registered(consents={"email": False}, update="2"))
    await mail.start()
    await _until_server_is_tried_again(service)
    await service.sweep()
    assert (await service.states())[GRANTED_EMAIL] == "suppressed NO_CONSENT"
    assert not mail.mails


async def test_an_address_that_comes_after_the_message_still_gets_it(service: Notification, mail: MailServer) -> None:
    await service.post(grant("a", 5))
    await service.sweep()
    assert (await service.states())[GRANTED_EMAIL] == "queued"
    await service.post(contact())
    await service.sweep()
    assert not mail.mails  # the profile, and with it the consents, is not known yet
    await service.post(registered())
    await service.sweep()
    assert len(mail.to("m-1@example.test")) == 1


@pytest.mark.parametrize(
    ("told", "code"), [((registered(),), "CONTACT_MISSING"), ((contact(),), "NO_CONSENT")], ids=["contact", "profile"]
)
async def test_an_email_does_not_wait_for_ever(
    database: Database, mail: MailServer, told: tuple[Any, ...], code: str
) -> None:
    service = await start(database.dsns["notification"], mail.address, contact_seconds=0)
    try:
        await service.post(*told)
        await service.post(grant("a", 5))
        await service.sweep()
        assert (await service.states())[GRANTED_EMAIL] == f"suppressed {code}"
    finally:
        await stop(service)


@pytest.mark.parametrize("address", ["nobody", "a@b.test, c@d.test", "a@b.test> NOTIFY", "@x.test", "a b@x.test"])
async def test_what_is_no_address_gets_nothing(database: Database, mail: MailServer, address: str) -> None:
    service = await start(database.dsns["notification"], mail.address, contact_seconds=0)
    try:
        await service.post(registered())
        await service.post(contact(email=address))
        await service.post(grant("a", 5))
        await service.sweep()
        assert (await service.states())[GRANTED_EMAIL] == "suppressed CONTACT_MISSING"
        assert mail.attempts == 0
    finally:
        await stop(service)


async def test_an_address_beyond_ascii(service: Notification, mail: MailServer) -> None:
    await service.post(registered())
    await service.post(contact(email="李雷@例子.test"))
    await service.post(grant("a", 5))
    await service.sweep()
    assert len(mail.to("李雷@例子.test")) == 1


async def test_without_a_server_the_inbox_is_the_only_channel(database: Database) -> None:
    service = await start(database.dsns["notification"])
    try:
        await service.post(registered())
        await service.post(contact())
        await service.post(grant("a", 5))
        await service.sweep()
        assert await service.states() == {GRANTED_EMAIL: "suppressed CHANNEL_OFF", GRANTED_IN_APP: "sent"}
    finally:
        await stop(service)


async def test_old_news_goes_to_the_inbox_alone(service: Notification, mail: MailServer) -> None:
    """As when this service is first switched on beside topics that are years old."""
    await service.post(registered())
    await service.post(contact())
    await service.post(grant("a", 5), recorded=long_ago(73))
    await service.sweep()
    assert await service.states() == {GRANTED_EMAIL: "suppressed EVENT_TOO_OLD", GRANTED_IN_APP: "sent"}
    assert not mail.mails


async def test_a_permanent_refusal_fails_at_once_and_says_no_address(service: Notification, mail: MailServer) -> None:
    mail.answer_recipient = lambda address: f"550 no such user {address}"
    await _grant_a(service)
    await service.sweep()
    (row,) = [row for row in await service.messages() if row["channel"] == "email"]
    assert (row["state"], row["error"], row["attempts"]) == ("failed", "smtp-550", 1)
    ((_, data),) = [told for told in await service.published() if told[0] == "failed"]
    assert "example.test" not in data.model_dump_json()


@pytest.mark.parametrize("where", ["recipient", "data"])
async def test_a_temporary_refusal_is_tried_again_a_bounded_number_of_times(
    database: Database, mail: MailServer, where: str
) -> None:
    service = await start(database.dsns["notification"], mail.address, attempts=3)
    if where == "data":
        mail.answer_data = lambda: "451 try later"
    else:
        mail.answer_recipient = lambda _address: "450 busy"
    try:
        await _grant_a(service)
        for attempt in (1, 2, 3):
            await service.sweep()
            (row,) = [row for row in await service.messages() if row["channel"] == "email"]
            assert (row["state"], row["attempts"]) == ("queued" if attempt < 3 else "failed", attempt)
            if attempt < 3:
                pause = await service.running.pool.fetchval(
                    "SELECT next_attempt_at - now() FROM message WHERE attempts > 0"
                )
                assert 30 * 2 ** (attempt - 1) - 10 < pause.total_seconds() <= 30 * 2 ** (attempt - 1)
            await service.running.pool.execute("UPDATE message SET next_attempt_at = now() WHERE state = 'queued'")
        assert mail.attempts == 3
    finally:
        await stop(service)


async def test_a_server_that_is_away_costs_no_attempt(service: Notification, mail: MailServer) -> None:
    await mail.stop()
    await _grant_a(service)
    for _ in range(3):
        await service.sweep()
        await _until_server_is_tried_again(service)
    (row,) = [row for row in await service.messages() if row["channel"] == "email"]
    assert (row["state"], row["attempts"]) == ("queued", 0)
    await mail.start()
    await service.sweep()
    assert len(mail.mails) == 1
    assert (await service.states())[GRANTED_EMAIL] == "sent"


async def test_a_connection_that_breaks_at_the_hand_over_is_told_as_unknown_and_never_repeated(
    service: Notification, mail: MailServer
) -> None:
    mail.break_off = True
    await _grant_a(service)
    await service.sweep()
    mail.break_off = False
    await _until_server_is_tried_again(service)
    await service.sweep()
    assert len(mail.mails) == 1  # the server had taken it on
    assert (await service.states())[GRANTED_EMAIL] == "unknown"
    assert [(kind, getattr(data, "error", None)) for kind, data in await service.published()] == [
        ("sent", None),
        ("failed", "outcome-unknown"),
    ]


@pytest.mark.parametrize("reply", ["251 taken on", "taken on"], ids=["another success", "no reply of the standard"])
async def test_a_reply_that_is_neither_a_250_nor_a_refusal_is_never_repeated(
    service: Notification, mail: MailServer, reply: str
) -> None:
    mail.answer_data = lambda: reply
    await _grant_a(service)
    await service.sweep()
    await _until_server_is_tried_again(service)
    await service.sweep()
    assert mail.at_data == 1
    assert (await service.states())[GRANTED_EMAIL] == "unknown"


async def test_one_message_that_is_refused_does_not_stop_the_others(database: Database, mail: MailServer) -> None:
    """All of them over one connection."""
    service = await start(database.dsns["notification"], mail.address, smtp_connections=1)
    mail.answer_recipient = lambda address: "550 no" if "m-2@" in address else None
    members = [f"m-{number}" for number in range(1, 6)]
    try:
        await service.post(*(registered(member) for member in members))
        await service.post(*(contact(member) for member in members))
        await service.post(*(grant(f"g-{member}", 5, member) for member in members))
        await service.sweep()
        assert sorted(mail.recipients[0] for mail in mail.mails) == [
            f"m-{number}@example.test" for number in (1, 3, 4, 5)
        ]
        assert (await service.states("m-2"))[GRANTED_EMAIL] == "failed"
    finally:
        await stop(service)


async def test_an_erasure_deletes_the_contact_and_suppresses_what_is_queued(
    service: Notification, mail: MailServer
) -> None:
    await mail.stop()
    await _grant_a(service)
    await service.sweep()
    assert await service.erase() == {"applied": 2}
    await mail.start()
    await _until_server_is_tried_again(service)
    await service.sweep()
    assert (await service.states())[GRANTED_EMAIL] == "suppressed CONTACT_ERASED"
    assert not mail.mails
    row = await service.running.pool.fetchrow("SELECT email, phone, webhook, erased_at FROM contact")
    assert row is not None
    assert row["erased_at"] is not None
    assert {row["email"], row["phone"], row["webhook"]} == {None}
    await service.post(held("h-1", 5))
    await service.sweep()
    assert (await service.states())["points_held", "email"] == "suppressed CONTACT_ERASED"
    await service.post(contact(event="new"))
    await service.post(grant("b", 5))
    await service.sweep()
    assert len(mail.mails) == 1
    await service.assert_books_hold()


async def test_an_erasure_at_the_last_moment_still_stops_the_message(service: Notification, mail: MailServer) -> None:
    """The mark before the hand-over looks at the contact once more."""
    mail.at_recipient = service.erase
    await _grant_a(service)
    await service.sweep()
    assert mail.attempts == 1
    await service.running.pool.execute("UPDATE message SET next_attempt_at = now() WHERE state = 'queued'")
    await service.sweep()
    assert not mail.mails
    assert (await service.states())[GRANTED_EMAIL] == "suppressed CONTACT_ERASED"


async def test_two_senders_of_one_message_win_one_mark(service: Notification) -> None:
    """A claim lapses while its sender is slow; the next one claims the same message."""
    service.service.sweepers[-1].__self__._away_until = float("inf")  # type: ignore[attr-defined]
    await _grant_a(service)
    await service.sweep()
    (slow,) = await claim(service.running.pool, 10, timedelta(0))
    (next_one,) = await claim(service.running.pool, 10, timedelta(0))
    address, lease = "m-1@example.test", timedelta(minutes=1)
    assert await mark(service.running.pool, next_one, address, lease)
    assert not await mark(service.running.pool, slow, address, lease)
    await try_later(service.running.pool, slow, timedelta(0), marked=False)  # nor does the slow one put it back
    assert (await service.states())[GRANTED_EMAIL] == "sending"


async def test_an_erasure_in_the_batch_of_its_contact_and_its_dead_letter(service: Notification) -> None:
    """What an erased member's records said is nowhere in the schema any more, dead letters included."""
    hidden = "somebody-secret@example.test"
    told = contact(email=hidden)
    await service.post(told)
    key = b"fruit-shop/m-1"
    broken = b'{"specversion": "1.0", "data": "' + hidden.encode() + b'"'
    await service.deliver(CONTACTS, [raw(1, key, broken), raw(2, key, None), raw(4, b"fruit-shop/m-2", broken)])
    await service.sweep()
    kept = await service.running.pool.fetch("SELECT * FROM dead_letter ORDER BY record_offset")
    assert [(row["record_value"], row["state"]) for row in kept] == [(None, "discarded"), (broken, "open")]
    assert "secret" not in str(await service.running.pool.fetch("SELECT * FROM contact"))
    assert await service.running.pool.fetchval("SELECT count(*) FROM outbox") == 0  # no dead-letter topic hears of it
    row = await service.running.pool.fetchrow("SELECT applied, dead_lettered, gap FROM partition_offset")
    assert tuple(row or ()) == (2, 2, 1)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "before the sweep"])
async def test_a_contact_that_comes_again_at_once_hides_no_erasure(service: Notification, together: bool) -> None:
    hidden, key = "somebody-secret@example.test", b"fruit-shop/m-1"
    broken = b'{"specversion": "1.0", "data": "' + hidden.encode() + b'"'
    anew = contact(event="new", email="anew@example.test")
    await service.deliver(CONTACTS, [raw(1, key, broken)])
    if together:
        await service.deliver(CONTACTS, [raw(2, key, None), as_delivered(anew, 3, long_ago())])
    else:
        await service.erase()
        await service.post(anew)
    await service.sweep()
    (letter,) = await service.running.pool.fetch("SELECT record_value, state FROM dead_letter")
    assert tuple(letter) == (None, "discarded")
    assert await service.running.pool.fetchval("SELECT email FROM contact") == "anew@example.test"
    await service.deliver(CONTACTS, [raw(9, key, broken)])
    await service.sweep()
    later = await service.running.pool.fetchval("SELECT record_value FROM dead_letter WHERE state = 'open'")
    assert later == broken, "what came after the erasure stays"


async def test_the_operator_is_not_shown_what_a_contacts_dead_letter_holds(service: Notification) -> None:
    secret = b'{"email": "somebody-secret@example.test"'
    await service.deliver(CONTACTS, [raw(0, b"fruit-shop/m-1", secret)])
    (letter,) = (await service.http.get("/v1/dead-letters")).json()
    shown = await service.http.get(f"/v1/dead-letters/{letter['dead_letter_id']}")
    assert shown.status_code == 200
    assert shown.json()["value_base64"] is None
    found = await service.http.get("/v1/dead-letters", params={"contains": "somebody-secret"})
    assert found.json() == []


async def test_a_contact_under_a_foreign_key_is_refused(service: Notification) -> None:
    """An erasure of the member's key would not reach it."""
    event_id, source, time, data = contact("m-1")
    value = encode(event_id, source, data.TYPE, "m-1", time, "fruit-shop/m-2", data)
    fates = await service.deliver(CONTACTS, [raw(0, b"fruit-shop/m-2", value)])
    assert fates == {"dead_lettered": 1}


async def _grant_a(service: Notification) -> None:
    await service.post(registered())
    await service.post(contact())
    await service.post(grant("a", 5))


async def _until_server_is_tried_again(service: Notification) -> None:
    """The sender pauses while the server is away; a test does not want to wait for it."""
    sender = service.service.sweepers[-1].__self__  # type: ignore[attr-defined]
    sender._away_until = 0.0
