"""The page of partners: from an order that was handed over to the statement, the file and the claim."""

import csv
import io
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.convenience import STORE, enrich
from tests.browser.looks import findings, unseen_focus
from tests.browser.site import Site

_MEMBER = "member-0815"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def handed_over(site: Site) -> str:
    """120 milk teas were handed over and three came back; answers the period."""
    await enrich(site, _MEMBER)
    placed = await _post(
        site, f"/v1/programs/{STORE}/members/{_MEMBER}/orders", lines=[{"reward_id": "milk-tea", "quantity": 120}]
    )
    order = f"/v1/orders/{placed['order_id']}"
    await _post(site, f"{order}/fulfilments")
    line = {"line_id": placed["lines"][0]["line_id"], "quantity": 3}
    await _post(site, f"{order}/returns", lines=[line], reason="cold")
    statements = await site.services.get("redemption", f"/v1/programs/{STORE}/statements")
    period: str = statements["statements"][0]["period"]
    return period


async def _post(site: Site, path: str, **body: Any) -> Any:
    async with site.services.operator("redemption") as http:
        answer = await http.post(path, json=body, headers={"Idempotency-Key": path[-40:]})
    assert answer.is_success, answer.text
    return answer.json()


async def _open_statement(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/partners?program={STORE}")
    await page.locator("main table").first.get_by_role("link").click()
    await page.wait_for_url("**/partners/statement?**")


async def test_the_statement_shows_what_is_owed_to_the_unit(site: Site, handed_over: str) -> None:
    page = await site.sign_in()
    await page.goto(site.url)
    await page.get_by_role("link", name="Partners").click()
    await page.get_by_role("link", name="Convenience Points").click()
    row = page.locator("main table").first.locator("tbody tr")
    await expect(row).to_have_count(1)
    for words in ("Tea House", "120", "917.28 CNY", "open"):
        await expect(row).to_contain_text(words)
    await row.get_by_role("link").click()
    main = page.locator("main")
    for words in ("Tea House", handed_over, "CVS-P-02", "8.00 CNY", "0.16 CNY", "917.28 CNY", "not over"):
        await expect(main).to_contain_text(words)

    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Download as CSV").click()
    download = await waiting.value
    text = (await download.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["movement"], row["units"], row["owed"]) for row in rows] == [
        ("fulfilled", "120", "940.80"),
        ("returned", "-3", "-23.52"),
    ]
    assert _MEMBER not in str(rows)
    await page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_both_pages_are_whole_in_both_languages_and_themes(site: Site, language: str, theme: str) -> None:
    page = await site.sign_in(context=await site.context(language=language, theme=theme))
    site.complaints.clear()
    await page.goto(f"{site.url}/partners?program={STORE}")
    assert await findings(page) == []
    assert await unseen_focus(page) == []
    await _open_statement(site, page)
    assert await findings(page) == []
    name = "茶时光" if language == "zh-CN" else "Tea House"
    await expect(page.locator("main h1")).to_contain_text(name)
    assert site.complaints == []
    await page.context.close()


async def test_a_narrow_window_scrolls_only_inside_its_tables(site: Site) -> None:
    page = await site.sign_in(context=await site.context(width=390))
    await _open_statement(site, page)
    assert await findings(page) == []
    await page.goto(f"{site.url}/partners?program=community-recycling")
    assert await findings(page) == []
    await expect(page.locator("main")).to_contain_text("City Trees Foundation")
    await page.context.close()


async def test_a_viewer_may_look_and_what_is_not_there_is_said(site: Site) -> None:
    page = await site.sign_in_as("viewer")
    await _open_statement(site, page)
    assert _MEMBER not in await page.content()
    assert await page.locator("main form[method=post]").count() == 0
    missing = f"{site.url}/partners/statement?program={STORE}&kind=partner&payee=nobody&period=2025-01"
    answer = await page.goto(missing)
    assert answer is not None
    assert answer.status == 404
    await page.context.close()


async def test_nobody_looks_without_signing_in(site: Site) -> None:
    page = await site.page(await site.context())
    await page.goto(f"{site.url}/partners")
    assert "/sign-in" in page.url
    answer = await page.request.get(
        f"{site.url}/partners/statement.csv?program={STORE}&kind=partner&payee=tea-house&period=2026-01",
        max_redirects=0,
    )
    assert answer.status in (303, 401)
    await page.context.close()
