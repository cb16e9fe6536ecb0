"""The in-app inbox by API and as a page: who may look, paging, marking, two languages, and what the page may load."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.notification.links import InboxLink, LinkBook
from tests.integration.notification.harness import (
    PROGRAM,
    TOKEN,
    Notification,
    clawed_back,
    contact,
    grant,
    matured,
    registered,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_inbox_is_paged_and_marked(service: Notification) -> None:
    await service.post(registered(locale="en"))
    await service.post(*(clawed_back(f"a{number}", number, refund=f"r-{number}") for number in range(1, 8)))
    await service.sweep()
    first = await service.inbox(limit=4)
    rest = await service.inbox(limit=4, before=first["next_before"])
    shown = [message["message_id"] for message in (*first["messages"], *rest["messages"])]
    assert (len(first["messages"]), len(rest["messages"]), len(set(shown))) == (4, 3, 7)
    assert (first["unread"], rest["next_before"]) == (7, None)
    base = f"/v1/programs/{PROGRAM}/members/m-1/inbox/read"
    answer = await service.http.post(base, json={"message_ids": shown[:2]})
    assert answer.json() == {"marked": 2, "unread": 5}
    assert (await service.http.post(base, json={"message_ids": shown[:2]})).json() == {"marked": 0, "unread": 5}
    assert len((await service.inbox(unread="true"))["messages"]) == 5
    assert (await service.http.post(base, json={})).json() == {"marked": 5, "unread": 0}


async def test_a_member_sees_and_marks_no_other_members_messages(service: Notification) -> None:
    await service.post(grant("a", 5, "m-1"), grant("b", 7, "m-2"))
    await service.sweep()
    (mine,) = (await service.inbox("m-1"))["messages"]
    (other,) = (await service.inbox("m-2"))["messages"]
    answer = await service.http.post(
        f"/v1/programs/{PROGRAM}/members/m-1/inbox/read", json={"message_ids": [other["message_id"]]}
    )
    assert answer.json() == {"marked": 0, "unread": 1}
    assert mine["message_id"] != other["message_id"]


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/programs/{PROGRAM}/members/m-1/inbox",
        f"/v1/programs/{PROGRAM}/members/m-1/messages",
        "/v1/deliveries",
        "/v1/trace/granted-a",
        "/v1/messages/6341213d-055b-522f-a252-4b4e8fbaf452",
    ],
)
async def test_nothing_is_shown_without_the_token(service: Notification, path: str) -> None:
    bare = httpx.AsyncClient(transport=service.http._transport, base_url="http://notification")
    assert (await bare.get(path)).status_code == 401
    assert (await bare.get(path, headers={"Authorization": "Bearer guessed"})).status_code == 403


async def test_the_page_shows_the_inbox_in_both_languages_and_marks_it(service: Notification) -> None:
    await service.post(registered(locale="zh-CN"))
    await service.post(grant("<b>a</b>", 128))
    await service.sweep()
    path = await _link(service)
    page = await service.http.get(path, headers={"Authorization": ""})
    assert page.status_code == 200
    assert '<html lang="zh-CN">' in page.text
    assert "您在fruit-shop获得 128 积分" in page.text
    assert "<b>a</b>" not in page.text  # a receipt's number is text, whatever it holds
    assert "&lt;b&gt;a&lt;/b&gt;" in page.text
    english = await service.http.get(path + "&locale=en")
    assert "You earned 128 points" in english.text
    assert "1 unread" in english.text
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', english.text))
    marked = await service.http.post("/inbox/read", data=form)
    assert marked.status_code == 303
    assert "Nothing unread" in (await service.http.get(marked.headers["location"])).text


async def test_marking_leaves_what_came_after_the_page_was_shown(service: Notification) -> None:
    await service.post(grant("a", 1))
    await service.sweep()
    page = await service.http.get(await _link(service))
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    await service.post(matured("a", 1))
    await service.sweep()
    await service.http.post("/inbox/read", data=form)
    assert (await service.inbox())["unread"] == 1


async def test_the_page_loads_nothing_foreign_and_is_kept_nowhere(service: Notification) -> None:
    page = await service.http.get(await _link(service))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy  # default-src refuses every script
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|style=|\son\w+=", page.text)
    assert (await service.http.get("/inbox/style.css")).headers["content-type"].startswith("text/css")


async def test_only_a_link_of_ours_that_has_not_expired_opens_the_page(service: Notification) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    good = LinkBook(TOKEN).sign(InboxLink(PROGRAM, "m-1", soon))
    expired = LinkBook(TOKEN).sign(InboxLink(PROGRAM, "m-1", datetime.now(UTC) - timedelta(seconds=1)))
    foreign = LinkBook("another token").sign(InboxLink(PROGRAM, "m-1", soon))
    payload, _, seal = good.partition(".")
    of_another = LinkBook(TOKEN).sign(InboxLink(PROGRAM, "m-2", soon)).partition(".")[0] + "." + seal
    assert (await service.http.get("/inbox", params={"link": good})).status_code == 200
    for link in ("", "x", ".", f"{payload}.", f".{seal}", payload, expired, foreign, of_another, good + "A"):
        answer = await service.http.get("/inbox", params={"link": link})
        assert answer.status_code == 403, link
        assert answer.json()["code"] == "LINK_EXPIRED"
        posted = await service.http.post("/inbox/read", data={"link": link or "x", "up_to": "1"})
        assert posted.status_code == 403, link


async def test_a_link_lives_a_week_at_most(service: Notification) -> None:
    path = f"/v1/programs/{PROGRAM}/members/m-1/inbox/links"
    assert (await service.http.post(path, json={"hours": 168})).status_code == 201
    assert (await service.http.post(path, json={"hours": 169})).status_code == 422


@pytest.mark.parametrize("member", ["会员/1", "a b", "x%2F..", "m?&#"])
async def test_odd_member_ids(service: Notification, member: str) -> None:
    await service.post(registered(member))
    await service.post(contact(member, "odd@example.test"))
    await service.post(grant("a", 5, member))
    await service.sweep()
    opened = LinkBook(TOKEN).sign(InboxLink(PROGRAM, member, datetime.now(UTC) + timedelta(hours=1)))
    page = await service.http.get("/inbox", params={"link": opened})
    assert "<article>" in page.text


async def test_the_log_shows_every_message_and_no_address(service: Notification) -> None:
    await service.post(registered())
    await service.post(contact())
    await service.post(grant("a", 5))
    await service.sweep()
    log = await service.http.get(f"/v1/programs/{PROGRAM}/members/m-1/messages")
    assert sorted(row["channel"] for row in log.json()["messages"]) == ["email", "in_app"]
    counted = (await service.http.get("/v1/deliveries")).json()
    assert sum(row["messages"] for row in counted["messages"]) == 2
    (message_id, *_) = [row["message_id"] for row in log.json()["messages"]]
    grant_id = (await service.published())[0][1].lot_ids[0]
    for wanted in ("granted-a", "/pos/tests#cause-a", message_id):
        found = await service.http.get(f"/v1/trace/{wanted.replace('#', '%23')}")
        assert len(found.json()["messages"]) == 2, wanted
        assert "example.test" not in found.text
    assert (await service.http.get(f"/v1/messages/{message_id}")).json()["message_id"] == message_id
    assert (await service.http.get(f"/v1/messages/{grant_id}")).status_code == 404
    assert "example.test" not in log.text


async def _link(service: Notification) -> str:
    answer = await service.http.post(f"/v1/programs/{PROGRAM}/members/m-1/inbox/links", json={})
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url[url.index("/inbox") :]
