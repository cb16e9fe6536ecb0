"""What stands before every page, route by route: nobody gets in unsigned, nothing changes without a form of ours."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from services.console.domain.rights import RIGHTS, Right, Role
from services.console.guard import MOST_FORM_BYTES
from tests.integration.console.harness import Site

_OPEN = {"/sign-in", "/look", "/healthz", "/readyz", "/metrics", "/openapi.json"}


def addresses(site: Site, method: str) -> Iterator[str]:
    """Every route of this method, with something in the place of its parameters."""
    for path, methods in site.app.openapi()["paths"].items():
        if method.lower() in methods:
            yield re.sub(r"\{[^}]+\}", str(UUID(int=7)), path)


async def test_without_a_session_every_page_leads_to_the_sign_in(site: Site) -> None:
    seen = 0
    async with site.browser() as browser:
        for path in addresses(site, "GET"):
            if path in _OPEN:
                continue
            answer = await browser.get(path)
            assert answer.status_code == 303, f"{path} answered {answer.status_code} to nobody"
            assert answer.headers["location"].startswith("/sign-in")
            for_script = await browser.client.get(path, headers={"accept": "application/json"})
            assert for_script.status_code == 401, f"{path} answered {for_script.status_code} to nobody's script"
            seen += 1
    assert seen >= 5


async def test_nothing_is_changed_without_the_pages_token(site: Site) -> None:
    seen = 0
    async with site.signed_in() as browser:
        for path in addresses(site, "POST"):
            for body in ({}, {"csrf": ""}, {"csrf": "made up"}):
                answer = await browser.client.post(path, data=body)
                assert (answer.status_code, "FORM_EXPIRED" in answer.text) == (403, True), path
            answer = await browser.client.post(path, json={"csrf": await browser.token()})
            assert answer.status_code == 403, f"{path} took a token out of JSON"
            seen += 1
    assert seen >= 9


async def test_nothing_is_changed_from_another_site_even_with_the_token(site: Site) -> None:
    async with site.signed_in() as browser:
        token = await browser.token()
        for path in addresses(site, "POST"):
            for headers in (
                {"sec-fetch-site": "cross-site"},
                {"sec-fetch-site": "same-site"},
                {"origin": "http://e.test"},
            ):
                answer = await browser.client.post(path, data={"csrf": token}, headers=headers)
                assert (answer.status_code, "FOREIGN_REQUEST" in answer.text) == (403, True), path


async def test_one_sessions_token_is_worth_nothing_in_another(site: Site) -> None:
    async with site.signed_in() as mine, site.signed_in() as other:
        stolen = await other.token()
        assert (await mine.client.post("/sign-out", data={"csrf": stolen})).status_code == 403


async def test_a_script_sends_the_token_in_a_header(site: Site) -> None:
    async with site.signed_in() as browser:
        headers = {"x-csrf-token": await browser.token()}
        answer = await browser.client.post("/live/no-such-stream", json={"topics": []}, headers=headers)
        assert answer.status_code == 404


async def test_long_forms_are_not_read(site: Site) -> None:
    async with site.signed_in() as browser:
        answer = await browser.client.post("/sign-out", data={"csrf": "x" * MOST_FORM_BYTES})
        assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/sign-in", "/", "/no-such-page", "/healthz", "/static/nothing.css"])
async def test_every_answer_lets_our_own_files_run_and_nothing_else(site: Site, path: str) -> None:
    async with site.signed_in() as browser:
        headers = (await browser.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert headers["cache-control"] == "no-store"


async def test_static_files_are_kept_by_browsers_and_have_no_way_out_of_their_folder(site: Site) -> None:
    async with site.browser() as browser:
        asset = site.console.view.asset("console.css")
        answer = await browser.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert (await browser.get(asset.replace("console.css", "..%2fapp.py"))).status_code == 404


async def test_each_role_sees_what_it_may(site: Site) -> None:
    for role in Role:
        async with site.signed_in(role.value) as browser:
            page = (await browser.get("/")).text
            for path, right in (("/operators", Right.MANAGE_OPERATORS), ("/actions", Right.READ_ACTIONS)):
                may = right in RIGHTS[role]
                assert (f'href="{path}"' in page) is may, f"{role} and the link to {path}"
                assert (await browser.get(path)).status_code == (200 if may else 403), f"{role} at {path}"


async def test_a_viewer_changes_no_operator(site: Site) -> None:
    async with site.signed_in("viewer") as browser:
        for path in addresses(site, "POST"):
            if path.startswith("/operators"):
                assert (await browser.post(path, name="viewer", role="admin")).status_code == 403
    assert {one.role for one in await site.console.operators.list()} == {Role.ADMIN, Role.VIEWER}


async def test_a_page_that_is_not_there_says_so_in_the_visitors_language(site: Site) -> None:
    async with site.signed_in() as browser:
        answer = await browser.client.get("/nowhere", headers={"accept-language": "zh-CN"})
        assert answer.status_code == 404
        assert "没有这个页面" in answer.text


async def test_language_and_colours_are_chosen_before_and_after_signing_in(site: Site) -> None:
    async with site.browser() as browser:
        assert (await browser.post("/look", "/sign-in", language="zh-CN", next="/sign-in")).status_code == 303
        assert "登录" in (await browser.get("/sign-in")).text
        await browser.sign_in()
        await browser.post("/look", theme="dark", next="/")
        page = (await browser.get("/")).text
        assert 'lang="zh-CN" data-theme="dark"' in page
        await browser.post("/look", theme="pink", language="xx", next="/")
        assert 'lang="zh-CN" data-theme="dark"' in (await browser.get("/")).text
