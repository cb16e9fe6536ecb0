"""What is shown moves with what happens: a stopped consumer, a dead server, records as they come."""

import re
import time

from playwright.async_api import Page, expect

from tests.browser.site import Site
from tests.infrastructure.services import producer
from tests.infrastructure.till import Till, purchase

LAG = "[data-live='lag/earning/pos.purchases.v1/lag']"


async def publish(site: Site, word: str, count: int) -> None:
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        for number in range(count):
            await till.send(f"{word}-{number}", purchase(f"{word}-{number}", "ann", 1_000), ago=9)


async def tail_of(page: Page, word: str) -> list[str]:
    """Event ids of the tail's lines that begin with the word, the newest first."""
    ids = await page.locator("#tail-lines a").all_inner_texts()
    return [each for each in ids if each.startswith(f"{word}-")]


async def test_a_lag_cell_moves_within_two_seconds_of_a_stopped_consumer(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(f"{site.url}/stream")
    end = page.locator("[data-live='lag/earning/pos.purchases.v1/end']")
    before = int(await end.inner_text())
    await publish(site, "before", 3)
    await expect(end).to_have_text(str(before + 3), timeout=10_000)  # the 0 is of after these
    await expect(page.locator(LAG)).to_have_text("0", timeout=20_000)
    await site.services.kill("earning")
    began = time.monotonic()
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        await till.send("lost-0", purchase("lost-0", "ann", 1_000), ago=9)
        await expect(page.locator(LAG)).to_have_text("1", timeout=2_000)
    took = time.monotonic() - began
    print(f"the lag cell moved {took:.2f} s after the kill")
    assert took < 2
    badge = page.locator("[data-live='lag/earning/pos.purchases.v1/badge']")
    await expect(badge).to_have_attribute("data-state", "bad", timeout=30_000)
    await site.services.start("earning")
    await expect(page.locator(LAG)).to_have_text("0", timeout=30_000)
    await expect(badge).to_have_text("keeps up", timeout=10_000)
    await page.context.close()


async def test_a_dead_server_shows_within_three_seconds_and_comes_back_by_itself(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(f"{site.url}/stream")
    badge = page.locator("#connection")
    end = page.locator("[data-live='lag/earning/pos.purchases.v1/end']")
    await page.wait_for_timeout(1_500)  # long enough for a first frame
    await expect(badge).to_be_hidden()
    await site.services.kill("console")
    began = time.monotonic()
    await expect(badge).to_have_text(re.compile(r"disconnected, data is \d+ s old"), timeout=3_000)
    print(f"the badge showed {time.monotonic() - began:.2f} s after the kill")
    first = int(re.findall(r"\d+", await badge.inner_text())[0])
    await page.wait_for_timeout(3_000)
    later = int(re.findall(r"\d+", await badge.inner_text())[0])
    assert later >= first + 2, "the age goes on rising"
    before = int(await end.inner_text())
    await publish(site, "away", 2)
    await site.services.start("console", environment=site.environment)
    await expect(badge).to_be_hidden(timeout=15_000)
    await expect(end).to_have_text(str(before + 2), timeout=10_000)
    await expect(page.locator("#tail-lines").get_by_text("away-1")).to_have_count(1, timeout=10_000)
    await page.context.close()


async def test_the_tail_pauses_and_goes_on_without_a_loss(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(f"{site.url}/stream")
    await publish(site, "shown", 5)
    await expect(page.locator("#tail-lines").get_by_text("shown-4")).to_have_count(1, timeout=10_000)
    await page.locator("#tail-pause").click()
    await publish(site, "paused", 90)  # more than one answer holds
    await expect(page.locator("#tail-text")).to_have_text(re.compile(r"paused, \d{2,} waiting"), timeout=10_000)
    assert await tail_of(page, "paused") == [], "nothing moves while it is paused"
    await page.locator("#tail-pause").click()
    # "live" may come before the last of them: it means that nothing is known to wait
    await expect(page.locator("#tail-lines").get_by_text("paused-89")).to_have_count(1, timeout=20_000)
    await expect(page.locator("#tail-text")).to_have_text("live", timeout=20_000)
    ids = await tail_of(page, "paused")
    assert sorted(ids) == sorted(f"paused-{number}" for number in range(90)), "each once"
    assert sorted(await tail_of(page, "shown")) == [f"shown-{number}" for number in range(5)]
    await page.context.close()


async def test_the_tail_shows_what_fits_its_filter(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(f"{site.url}/stream")
    await page.locator("#tail-contains").fill("wanted-")
    await page.wait_for_timeout(500)
    await publish(site, "noise", 10)
    await publish(site, "wanted", 3)
    await expect(page.locator("#tail-lines tr")).to_have_count(3, timeout=10_000)
    assert sorted(await tail_of(page, "wanted")) == ["wanted-0", "wanted-1", "wanted-2"]
    await expect(page.locator("#tail-text")).to_contain_text("passed over by the filter")
    await page.locator("#tail-topic").select_option("members.tiers.v1")
    await expect(page.locator("#tail-lines tr")).to_have_count(0)
    await page.context.close()


async def test_rows_filter_and_unfold_into_live_partitions(site: Site) -> None:
    page = await site.sign_in()
    await page.goto(f"{site.url}/stream")
    await page.locator("#filter").fill("earning/pos.purchases")
    rows = page.locator("#lags tbody tr:visible")
    await expect(rows).to_have_count(1)
    await rows.locator(".toggle").click()
    await expect(rows).to_have_count(9)
    ends = page.locator("[data-live^='partitions/earning/pos.purchases.v1/'][data-live$='/end']")
    before = sum(map(int, await ends.all_inner_texts()))
    await publish(site, "unfolded", 4)
    total = page.locator("[data-live='lag/earning/pos.purchases.v1/end']")
    await expect(total).to_have_text(str(before + 4), timeout=10_000)
    await page.wait_for_timeout(1_000)
    assert sum(map(int, await ends.all_inner_texts())) == before + 4, "the partitions move with their topic"
    await rows.locator(".toggle").click()
    await expect(rows).to_have_count(1)
    await page.context.close()
