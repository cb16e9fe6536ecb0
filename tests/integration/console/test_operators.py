"""Operators are added, changed and shut out by an admin; every step is told, and there is always an admin."""

import asyncio
import re

import asyncpg
import pytest

from services.console.domain.rights import Role
from services.console.store.operators import LastAdminError, _keep_an_admin
from tests.integration.console.harness import PASSWORD, Browser, Site

_SECRET = re.compile(r'class="secret">([^<]+)<')


async def added(admin: Browser, name: str, role: str = "viewer") -> str:
    """A new operator's first password."""
    page = await admin.post("/operators", name=name, role=role)
    assert page.status_code == 200, page.text
    found = _SECRET.search(page.text)
    assert found is not None
    return found[1]


async def test_a_new_operator_changes_the_first_password_before_all_else(site: Site) -> None:
    async with site.signed_in() as admin, site.browser() as browser:
        first = await added(admin, "Wang", "operator")
        assert first not in (await admin.get("/operators")).text, "the password is shown again"
        assert (await browser.sign_in("wang", first)).status_code == 303
        for path in ("/", "/operators", "/live/session"):
            assert (await browser.get(path)).headers["location"] == "/account"
        changed = await browser.post("/account", present=first, new=PASSWORD, repeated=PASSWORD)
        assert "Your password is changed" in changed.text
        assert (await browser.get("/")).status_code == 200
    assert await site.told() == [
        ("admin", "sign_in", "admin", "done"),
        ("admin", "operator.add", "wang", "started"),
        ("admin", "operator.add", "wang", "done"),
        ("wang", "sign_in", "wang", "done"),
        ("wang", "password.change", "wang", "started"),
        ("wang", "password.change", "wang", "done"),
    ]


async def test_changing_the_password_ends_the_other_sessions(site: Site) -> None:
    async with site.signed_in() as here, site.signed_in() as there:
        await here.post("/account", present=PASSWORD, new="eight yellow pears", repeated="eight yellow pears")
        assert (await here.get("/")).status_code == 200
        assert (await there.get("/")).status_code == 303
        assert (await there.sign_in()).status_code == 401
        assert (await there.sign_in(password="eight yellow pears")).status_code == 303


@pytest.mark.parametrize(
    ("present", "new", "sentence"),
    [
        ("wrong apples here", "eight yellow pears", "The present password is not right."),
        (PASSWORD, "short", "at least 12 characters"),
        (PASSWORD, PASSWORD, "The new password is the present one."),
    ],
)
async def test_a_refused_change_says_why(site: Site, present: str, new: str, sentence: str) -> None:
    async with site.signed_in() as browser:
        answer = await browser.post("/account", present=present, new=new, repeated=new)
        assert answer.status_code == 422
        assert sentence in answer.text
    async with site.browser() as browser:
        assert (await browser.sign_in()).status_code == 303


async def test_the_present_password_cannot_be_guessed_there_either(site: Site) -> None:
    async with site.signed_in() as browser:
        answers = [
            await browser.post("/account", present=f"guess {n}", new=PASSWORD, repeated=PASSWORD) for n in range(9)
        ]
    assert [answer.status_code for answer in answers] == [422] * 8 + [429]


async def test_a_taken_or_odd_name_adds_nobody(site: Site) -> None:
    async with site.signed_in() as admin:
        await added(admin, "wang")
        assert (await admin.post("/operators", name="WANG", role="admin")).status_code == 409
        assert (await admin.post("/operators", name="wang li")).status_code == 422
        assert (await admin.post("/operators", name="li", role="emperor")).status_code == 422
    assert [(one.name, one.role) for one in await site.console.operators.list()] == [
        ("admin", Role.ADMIN),
        ("wang", Role.VIEWER),
    ]


@pytest.mark.parametrize("change", ["disable", "role", "password"])
async def test_what_takes_rights_away_ends_the_sessions(site: Site, change: str) -> None:
    async with site.signed_in() as admin, site.signed_in("operator") as browser:
        assert (await browser.get("/")).status_code == 200
        answer = await admin.post(f"/operators/{change}", name="operator", role="viewer")
        assert answer.status_code in (200, 303)
        assert (await browser.get("/")).status_code == 303
        assert (await browser.sign_in("operator")).status_code == (303 if change == "role" else 401)
    assert ("admin", f"operator.{change}", "operator", "done") in await site.told()


async def test_somebody_shut_out_can_be_let_in_again(site: Site) -> None:
    async with site.signed_in() as admin, site.signed_in("operator") as browser:
        await admin.post("/operators/disable", name="operator")
        assert (await browser.sign_in("operator")).status_code == 401
        await admin.post("/operators/enable", name="operator")
        assert (await browser.get("/")).status_code == 303, "the old session lives again"
        assert (await browser.sign_in("operator")).status_code == 303
        assert (await admin.post("/operators/enable", name="operator")).status_code == 404


async def test_the_last_admin_stays(site: Site) -> None:
    async with site.signed_in() as admin:
        for path, fields in (("/operators/disable", {}), ("/operators/role", {"role": "viewer"})):
            answer = await admin.post(path, name="admin", **fields)
            assert answer.status_code == 409
            assert "last admin" in answer.text
        assert (await admin.get("/operators")).status_code == 200


async def test_two_admins_who_shut_each_other_out_leave_one(site: Site) -> None:
    store = site.console.operators
    await store.add("wang", "x", Role.ADMIN, "admin")
    async with site.console.pool.acquire() as connection:
        async with connection.transaction():
            await _keep_an_admin(connection, "admin")  # one of them has just looked: there is another admin
            second = asyncio.create_task(store.disable("wang"))
            await asyncio.wait({second}, timeout=0.5)
            assert not second.done(), "the second looked at the same admins"
            await connection.execute("UPDATE operator SET disabled_at = now() WHERE name = 'admin'")
        with pytest.raises(LastAdminError):
            await second
    assert sum(one.disabled_at is None for one in await store.list()) == 1


async def test_the_log_is_never_changed_or_removed(site: Site) -> None:
    async with site.signed_in() as admin:
        await added(admin, "wang")
    for statement in (
        "UPDATE operator_action SET operator = 'x'",
        "DELETE FROM operator_action",
        "TRUNCATE operator_action",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await site.console.pool.execute(statement)
    assert len(await site.told()) == 3


async def test_nothing_is_done_that_cannot_be_told(site: Site) -> None:
    async with site.signed_in() as admin:
        await site.console.pool.execute("ALTER TABLE operator_action RENAME TO moved_away")
        answer = await admin.post("/operators", name="wang", role="admin")
        assert answer.status_code == 500
    assert [one.name for one in await site.console.operators.list()] == ["admin"]


async def test_the_log_is_shown_page_by_page(site: Site) -> None:
    for number in range(150):
        await site.console.actions.record_sign_in(f"nobody{number}", "10.0.0.9", "refused", {"why": "<b>&"})
    async with site.signed_in("compliance") as browser:
        page = (await browser.get("/actions")).text
        assert "nobody149" in page
        assert "nobody0<" not in page
        assert "<b>&" not in page, "what was typed is not escaped"
        older = re.search(r'href="(/actions\?before=\d+)"', page)
        assert older is not None
        assert "nobody0<" in (await browser.get(older[1])).text
