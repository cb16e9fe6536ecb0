"""Signing in: right and wrong, how often, and what becomes of sessions."""

import asyncio

import pytest

from services.console.first_run import first_admin
from services.console.passwords import Passwords
from services.console.store.sessions import hash_token
from services.console.visitor import SESSION_COOKIE
from tests.infrastructure.fixtures import Database
from tests.integration.console.harness import PASSWORD, Site, running_site


async def test_the_right_password_opens_the_console_and_the_log_tells(site: Site) -> None:
    async with site.browser() as browser:
        assert (await browser.get("/")).headers["location"] == "/sign-in"
        answer = await browser.sign_in("  Admin ")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await browser.get("/")).status_code == 200
    assert await site.told() == [("admin", "sign_in", "admin", "done")]


async def test_it_leads_to_the_page_that_was_wanted_and_to_no_other_site(site: Site) -> None:
    async with site.browser() as browser:
        assert (await browser.get("/operators")).headers["location"] == "/sign-in?next=/operators"
        assert (await browser.sign_in(next="/operators")).headers["location"] == "/operators"
    async with site.browser() as browser:
        assert (await browser.sign_in(next="//elsewhere.test/")).headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"), [("admin", "wrong apples here"), ("nobody", PASSWORD), ("admin\x00", "")]
)
async def test_a_wrong_one_says_the_same_whatever_was_wrong(site: Site, name: str, password: str) -> None:
    async with site.browser() as browser:
        answer = await browser.sign_in(name, password)
        assert answer.status_code == 401
        assert "This name and password do not fit together." in answer.text
        assert SESSION_COOKIE not in browser.client.cookies
    assert [(action, outcome) for _, action, _, outcome in await site.told()] == [("sign_in", "refused")]


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    async with site.browser() as browser:
        cookie = (await browser.sign_in()).headers["set-cookie"]
    assert f"{SESSION_COOKIE}=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    async with site.browser(scheme="https") as browser:
        assert "Secure" in (await browser.sign_in()).headers["set-cookie"]


async def test_behind_a_proxy_with_https_the_cookie_is_secure_too(database: Database) -> None:
    dsn, url = database.dsns["console"], "https://console.example.com"
    async with running_site(dsn, console_url=url) as site, site.browser() as browser:
        assert "Secure" in (await browser.get("/sign-in")).headers["set-cookie"]


async def test_the_table_does_not_hold_what_opens_a_session(site: Site) -> None:
    async with site.signed_in() as browser:
        token = browser.client.cookies[SESSION_COOKIE]
        stored = await site.console.pool.fetch("SELECT * FROM session")
        assert [row["session_hash"] for row in stored] == [hash_token(token)]
        browser.client.cookies.set(SESSION_COOKIE, stored[0]["session_hash"].hex(), domain="console.test")
        browser.client.cookies.delete(SESSION_COOKIE, domain="console.test", path="/")
        assert (await browser.get("/")).status_code == 303


async def test_after_eight_wrong_ones_even_the_right_one_has_to_wait(site: Site) -> None:
    async with site.browser() as browser:
        for _ in range(8):
            assert (await browser.sign_in(password="wrong apples here")).status_code == 401
        answer = await browser.sign_in()
        assert answer.status_code == 429
        assert "wait five minutes" in answer.text
        await site.console.pool.execute(
            "UPDATE sign_in_attempt SET attempted_at = attempted_at - interval '5 minutes 1 second'"
        )
        assert (await browser.sign_in()).status_code == 303
    async with site.browser("10.0.0.2") as elsewhere:
        assert (await elsewhere.sign_in()).status_code == 303


async def test_guesses_made_at_once_are_all_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    fits = Passwords.fits

    async def counted(self: Passwords, password: str, password_hash: str | None) -> bool:
        tried.append(password)
        return await fits(self, password, password_hash)

    monkeypatch.setattr(Passwords, "fits", counted)
    async with site.browser() as browser:
        token = await browser.token("/sign-in")
        form = {"csrf": token, "name": "admin", "password": "wrong apples here"}
        answers = await asyncio.gather(*(browser.client.post("/sign-in", data=form) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {401, 429}
    # those on the way at the same instant do not see each other: at most one per connection of the pool more
    assert len(tried) <= 8 + site.console.pool.get_max_size()
    assert await site.console.pool.fetchval("SELECT count(*) FROM sign_in_attempt") == 30


async def test_success_forgets_the_attempts_before_it(site: Site) -> None:
    for _ in range(4):
        async with site.browser() as browser:
            for _ in range(3):
                await browser.sign_in(password="wrong apples here")
            assert (await browser.sign_in()).status_code == 303


async def test_signing_out_ends_the_session_here_and_nowhere_else(site: Site) -> None:
    async with site.signed_in() as browser, site.signed_in() as other:
        token = browser.client.cookies[SESSION_COOKIE]
        assert (await browser.post("/sign-out")).headers["location"] == "/sign-in"
        browser.client.cookies.set(SESSION_COOKIE, token, domain="console.test")
        assert (await browser.get("/")).status_code == 303
        assert (await other.get("/")).status_code == 200
    assert ("admin", "sign_out", "admin", "done") in await site.told()


@pytest.mark.parametrize(
    "aged", ["last_seen_at = now() - interval '12 hours 1 second'", "created_at = now() - interval '24 hours 1 second'"]
)
async def test_a_session_ends_when_unused_and_when_old(site: Site, aged: str) -> None:
    async with site.signed_in() as browser:
        assert (await browser.get("/")).status_code == 200
        await site.console.pool.execute(f"UPDATE session SET {aged}")  # noqa: S608 - our own
        assert (await browser.get("/")).status_code == 303


async def test_use_keeps_a_session(site: Site) -> None:
    async with site.signed_in() as browser:
        await site.console.pool.execute("UPDATE session SET last_seen_at = now() - interval '11 hours'")
        await browser.get("/")
        assert await site.console.pool.fetchval("SELECT last_seen_at > now() - interval '1 minute' FROM session")


async def test_what_has_run_out_is_swept(site: Site) -> None:
    async with site.signed_in() as browser:
        await browser.get("/")
        await site.console.pool.execute("UPDATE session SET last_seen_at = now() - interval '13 hours'")
        await site.console.pool.execute(
            "INSERT INTO sign_in_attempt (name, address, attempted_at) VALUES ('x', 'y', now() - interval '2 hours')"
        )
    await site.console.sessions.sweep()
    assert await site.console.pool.fetchval("SELECT count(*) FROM session") == 0
    assert await site.console.pool.fetchval("SELECT count(*) FROM sign_in_attempt") == 0


async def test_the_first_admin_is_made_once_and_told_once(database: Database) -> None:
    dsn = database.dsns["console"]
    async with running_site(dsn, console_admin_password="") as site:
        await site.console.pool.execute("DELETE FROM operator")
        sentences = await asyncio.gather(first_admin(site.console), first_admin(site.console))
        told = [sentence for sentence in sentences if sentence is not None]
        assert len(told) == 1
        password = told[0].split("password ")[1].split(" ")[0]
        assert await first_admin(site.console) is None
        async with site.browser() as browser:
            assert (await browser.sign_in(password=password)).status_code == 303
            assert (await browser.get("/")).headers["location"] == "/account"


async def test_a_given_first_password_is_not_told(database: Database) -> None:
    async with running_site(database.dsns["console"]) as site:
        await site.console.pool.execute("DELETE FROM operator")
        assert await first_admin(site.console) is None
        async with site.signed_in() as browser:
            assert (await browser.get("/")).status_code == 200


async def test_a_given_first_password_that_is_short_is_refused(database: Database) -> None:
    with pytest.raises(SystemExit, match="at least 12 characters"):
        async with running_site(database.dsns["console"], console_admin_password="short"):
            pass
