"""The pages of seals and of the redeemability index: what they say, and that a touched row is found on demand."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.convenience import STORE, enrich
from tests.browser.looks import findings, unseen_focus
from tests.browser.site import Site
from tests.infrastructure.services import eventually

_NAME = {"en": "Convenience Points", "zh-CN": "便利店会员积分"}
_MEMBER = "member-0817"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def some_books(site: Site) -> None:
    """A member with points, sealed; an order, and one that is refused."""
    await enrich(site, _MEMBER)
    placed = await _order(site, "tea", quantity=2)
    assert placed.is_success, placed.text
    refused = await _order(site, "much", quantity=9_999)
    assert refused.status_code == 409, refused.text

    async def sealed() -> bool:
        told = await site.services.get("redemption", "/v1/seals")
        return any(one["program_id"] == STORE and one["block_no"] for one in told["programs"]) and not told["waiting"]

    await eventually("sealed", sealed)


async def _order(site: Site, key: str, *, quantity: int) -> Any:
    async with site.services.operator("redemption") as http:
        return await http.post(
            f"/v1/programs/{STORE}/members/{_MEMBER}/orders",
            json={"lines": [{"reward_id": "milk-tea", "quantity": quantity}]},
            headers={"Idempotency-Key": key},
        )


@pytest_asyncio.fixture(loop_scope="session")
async def a_touched_row(site: Site) -> AsyncIterator[None]:
    """Somebody who owns the database adds a point; it is taken back at the end."""
    admin = await asyncpg.connect(site.services.database.admin_dsn)
    touch = f"UPDATE redemption.journal SET points = points + $1 WHERE program_id = '{STORE}' AND entry_id = $2"  # noqa: S608
    try:
        await admin.execute("SET session_replication_role = replica")
        entry = await admin.fetchval("SELECT min(entry_id) FROM redemption.journal WHERE program_id = $1", STORE)
        await admin.execute(touch, 1, entry)
        yield
        await admin.execute(touch, -1, entry)
    finally:
        await admin.close()


def _row(page: Page, name: str) -> Any:
    return page.locator("main tbody tr").filter(has_text=name)


async def test_the_head_of_each_chain_is_shown_and_verified_on_demand(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(site.url)
    await page.get_by_role("link", name="Seals").click()
    told = await site.services.get("redemption", "/v1/seals")
    (head,) = [one for one in told["programs"] if one["program_id"] == STORE]
    row = _row(page, _NAME["en"])
    await expect(row).to_contain_text(head["block_hash"])
    await row.get_by_role("button").click()
    await expect(page.locator(".notice.ok")).to_contain_text("are untouched")
    await page.goto(f"{site.url}/actions")
    await expect(page.locator("main table")).to_contain_text("seals.verify")
    await page.context.close()


async def test_a_touched_row_is_found(site: Site, a_touched_row: None) -> None:
    page = await site.sign_in()
    await page.goto(f"{site.url}/seals")
    await _row(page, _NAME["en"]).get_by_role("button").click()
    alarm = page.locator(".notice.bad")
    await expect(alarm).to_contain_text("not all of blocks 1 to")
    await expect(alarm).to_contain_text("its rows were changed")
    assert await findings(page) == []
    await page.context.close()


async def test_the_index_says_what_can_be_had_and_why_requests_were_refused(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(site.url)
    await page.get_by_role("link", name="Redeemability").click()
    await page.get_by_role("link", name=_NAME["en"]).click()
    main = page.locator("main")
    await expect(main.locator("dl.tallies")).to_contain_text("100 %")
    refusal = main.locator("table[aria-labelledby=refusals], [aria-labelledby=refusals] table").locator("tbody tr")
    await expect(refusal).to_have_count(1)
    await expect(refusal).to_contain_text("Order")
    await page.get_by_role("link", name="7 d", exact=True).click()
    await page.wait_for_url("**days=7**")
    assert f"program={STORE}" in page.url
    await page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_both_pages_are_whole_in_both_languages_and_themes(site: Site, language: str, theme: str) -> None:
    page = await site.sign_in(context=await site.context(language=language, theme=theme))
    site.complaints.clear()
    for path in ("/seals", f"/redeemability?program={STORE}"):
        await page.goto(site.url + path)
        assert await findings(page) == [], path
        assert await unseen_focus(page) == [], path
        await expect(page.locator("main")).to_contain_text(_NAME[language])
    await page.goto(f"{site.url}/seals")
    await _row(page, _NAME[language]).get_by_role("button").click()
    await expect(page.locator(".notice.ok")).to_be_visible()
    assert await findings(page) == []
    assert site.complaints == []
    await page.context.close()


async def test_a_narrow_window_scrolls_only_inside_its_tables(site: Site) -> None:
    page = await site.sign_in(context=await site.context(width=390))
    for path in ("/seals", f"/redeemability?program={STORE}"):
        await page.goto(site.url + path)
        assert await findings(page) == [], path
    await page.context.close()


async def test_a_viewer_looks_and_may_not_verify(site: Site) -> None:
    page = await site.sign_in_as("viewer")
    await page.goto(f"{site.url}/seals")
    await expect(_row(page, _NAME["en"])).to_have_count(1)
    assert await page.locator("main form").count() == 0
    csrf = await page.locator("meta[name=csrf]").get_attribute("content")
    answer = await page.request.post(
        f"{site.url}/seals", form={"csrf": csrf or "", "program": STORE}, headers={"Origin": site.url}
    )
    assert answer.status == 403
    await page.context.close()
