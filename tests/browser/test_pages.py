"""Every page in both languages and both themes; signing in; what a viewer may; eight tabs at once."""

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.looks import findings, unseen_focus
from tests.browser.site import ADMIN, ADMIN_PASSWORD, Site, submit_sign_in
from tests.infrastructure.services import eventually, producer
from tests.infrastructure.till import MERCHANT, Till, purchase

MEMBER = "member-4711"
PAGES = (
    "/",
    "/stream",
    "/stream/event?id=buy-1",
    "/stream/event?id=nobody-knows-it",
    "/dead-letters",
    "/dead-letters?state=discarded",
    "/operators",
    "/actions",
    "/account",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def some_story(site: Site) -> None:
    """A member with points, and two records that nobody can handle."""
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        await till.register(MEMBER)
        await till.send("buy-1", purchase("r1", MEMBER, 10_000), ago=9)
        await till.send("unknown-1", purchase("r2", MEMBER, 100, program_id="nobodys"))
        await till.raw("pos.purchases.v1", f"fruit-shop/{MEMBER}".encode(), f"{MEMBER} is no JSON".encode())

    async def handled() -> bool:
        letters = await site.services.get("earning", "/v1/dead-letters")
        traced = await site.services.get("redemption", "/v1/trace/%2Fpos%2Ftests%2Ft1%23buy-1")
        return len(letters) == 2 and len(traced["lots"]) == 1

    await eventually("story", handled)


async def group_and_letter(site: Site) -> list[str]:
    group, letter = "/dead-letters/group?service=earning&state=open", "/dead-letters/letter/earning/"
    letters = await site.services.get("earning", "/v1/dead-letters")
    return [group, *(letter + each["dead_letter_id"] for each in letters)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_every_page_is_whole_in_both_languages_and_themes(site: Site, language: str, theme: str) -> None:
    page = await site.sign_in(context=await site.context(language=language, theme=theme))
    site.complaints.clear()
    for path in (*PAGES, *await group_and_letter(site)):
        answer = await page.goto(site.url + path)
        assert answer is not None
        assert answer.status == (404 if "nobody-knows" in path else 200), path
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        await page.wait_for_timeout(400)  # live cells arrive
        assert await findings(page) == [], path
        assert await page.evaluate("document.documentElement.lang") == language
        if language == "zh-CN":
            words = await page.locator("main").inner_text()
            assert any("一" <= char <= "鿿" for char in words), path
            assert "keeps up" not in words, "what arrives live is in the page's language too"
    quiet = [each for each in site.complaints if "404" not in each]  # the browser tells the one page that is not there
    assert quiet == [], "no script fails, and the policy refuses nothing of ours"
    await page.context.close()


async def test_a_narrow_window_scrolls_only_inside_its_tables(site: Site) -> None:
    page = await site.sign_in(context=await site.context(width=390))
    for path in (*PAGES, *await group_and_letter(site)):
        await page.goto(site.url + path)
        assert await findings(page) == [], path
    await page.context.close()


async def test_the_keyboard_reaches_controls_that_show_it(site: Site) -> None:
    page = await site.sign_in()
    for path in ("/stream", "/dead-letters", "/operators"):
        await page.goto(site.url + path)
        assert await unseen_focus(page) == [], path
    await page.context.close()


async def test_a_wrong_password_is_refused_and_the_right_one_leads_on(site: Site) -> None:
    page = await site.page(await site.context())
    await page.goto(f"{site.url}/dead-letters")
    assert page.url == f"{site.url}/sign-in?next=/dead-letters", "nobody looks without signing in"
    await submit_sign_in(page, ADMIN, "not-the-password")
    await expect(page.locator("main")).to_contain_text("do not fit together")
    await submit_sign_in(page, ADMIN, ADMIN_PASSWORD)
    await page.wait_for_url(f"{site.url}/dead-letters")
    assert "session" not in await page.evaluate("document.cookie"), "no script can read it"
    kept = {cookie.get("name"): cookie for cookie in await page.context.cookies()}["greenpoints_session"]
    assert (kept.get("httpOnly"), kept.get("sameSite")) == (True, "Strict")
    await page.locator("details.who summary").click()
    await page.locator("details.who button").click()
    await page.wait_for_url(f"{site.url}/sign-in")
    await page.goto(f"{site.url}/stream")
    assert "/sign-in" in page.url, "signed out is signed out"
    await page.context.close()


async def test_a_viewer_sees_masked_ids_and_no_buttons(site: Site) -> None:
    page = await site.sign_in_as("viewer")
    letters = await site.services.get("earning", "/v1/dead-letters")
    paths = ["/", "/stream", "/stream/event?id=buy-1", "/dead-letters", *await group_and_letter(site)]
    for path in paths:
        await page.goto(site.url + path)
        if path == "/stream":
            await expect(page.locator("#tail-lines tr").first).to_be_visible()
        assert MEMBER not in await page.content(), path
        assert await page.locator("main form[method=post]").count() == 0, path
    await page.goto(f"{site.url}/stream/event?id=buy-1")
    await expect(page.locator("main")).to_contain_text("m…11")
    for path, wanted in {"/operators": 403, "/actions": 403}.items():
        answer = await page.goto(site.url + path)
        assert answer is not None and answer.status == wanted, path
    token = await csrf_of(page, site)
    for path in (
        f"/dead-letters/letter/earning/{letters[0]['dead_letter_id']}/replay",
        "/dead-letters/plan",
        "/dead-letters/plan/anything/replay",
    ):
        form: dict[str, str | float | bool] = {"csrf": token, "service": "earning", "reason": "because"}
        refused = await page.request.post(site.url + path, form=form)
        assert refused.status == 403, "a button that is not shown is not allowed either"
    assert {letter["state"] for letter in await site.services.get("earning", "/v1/dead-letters")} == {"open"}
    await page.context.close()


async def csrf_of(page: Page, site: Site) -> str:
    await page.goto(f"{site.url}/stream")
    token: str = await page.evaluate("document.querySelector('meta[name=csrf]').content")
    return token


async def test_a_form_of_another_site_changes_nothing(site: Site) -> None:
    page = await site.sign_in()
    letters = await site.services.get("earning", "/v1/dead-letters")
    path = f"{site.url}/dead-letters/letter/earning/{letters[0]['dead_letter_id']}/discard"
    without = await page.request.post(path, form={"reason": "because"})
    elsewhere = await page.request.post(
        path,
        form={"reason": "because", "csrf": await csrf_of(page, site)},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert (without.status, elsewhere.status) == (403, 403)
    assert len(await site.services.get("earning", "/v1/dead-letters")) == len(letters)
    await page.context.close()


async def test_eight_tabs_are_all_live(site: Site) -> None:
    """A browser opens six connections to a server: a stream for each tab would starve the seventh."""
    context = await site.context()
    first = await site.sign_in(context=context)
    pages = [first, *[await site.page(context) for _ in range(7)]]
    await asyncio.gather(*(page.goto(f"{site.url}/stream") for page in pages))
    cell = "[data-live='lag/earning/pos.purchases.v1/end']"
    before = [int(await page.locator(cell).inner_text()) for page in pages]
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        await till.send("buy-of-eight", purchase("r8", MEMBER, 100), ago=9)
    wanted = str(max(before) + 1)
    await asyncio.gather(*(expect(page.locator(cell)).to_have_text(wanted, timeout=5_000) for page in pages))
    lines = [page.locator("#tail-lines").get_by_text("buy-of-eight") for page in pages]
    await asyncio.gather(*(expect(line).to_have_count(1, timeout=5_000) for line in lines))
    await context.close()


async def test_the_path_of_one_event_shows_every_hop(site: Site) -> None:
    """The path of the story: every hop with its place in Kafka, in the order in which one led to the other."""
    page = await site.sign_in()
    await page.goto(f"{site.url}/stream")
    await page.locator("#event-id").fill("buy-1")
    await page.get_by_role("button", name="Follow it").click()
    main = page.locator("main")
    for words in ("purchase.completed: granted", "Grant of 100 points", "Lot of 100 points, available"):
        await expect(main).to_contain_text(words)
    await expect(main).to_contain_text("100 points: pending → available")
    text = await main.inner_text()
    assert text.index("purchase.completed: granted") < text.index("Grant of") < text.index("Lot of")
    record = (await site.services.get("earning", "/v1/trace/buy-1"))["decisions"][0]
    place = (await site.services.get("earning", f"/v1/arrivals?event_key={record['event_key']}"))[0]
    assert f"pos.purchases.v1/{place['partition']} @ {place['record_offset']}" in text
    assert "points.grants.v1/" in text, "redemption says where it read the grant"
    assert MERCHANT in await page.content()
    await page.goto(f"{site.url}/stream/event?id=unknown-1")
    await expect(main).to_contain_text("Dead letter UNKNOWN_PROGRAM, open")
    await page.context.close()
