"""Dead letters in the hands of an operator: each effect once, the original untouched, everything in the log."""

import re
from datetime import timedelta
from typing import Any

from playwright.async_api import Page, expect

from deploy.local.stack import CHECKOUT
from services.operator.program import publish_pack, read_pack
from shared.events.member_registered import MemberRegistered
from tests.browser.site import Site
from tests.infrastructure.services import eventually, producer
from tests.infrastructure.till import Till, purchase

PACK = CHECKOUT / "deploy/programs/fruit-shop.yaml"


async def bad_purchases(site: Site, program: str, count: int) -> None:
    """Purchases in a program that was never published: each is a dead letter of earning."""
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        for number in range(count):
            data = purchase(f"r{number}", "ann", 1_000, program_id=program)
            await till.send(f"{program}-{number}", data, ago=9)

    async def there() -> bool:
        return len(await letters(site, program)) == count

    await eventually("dead letters", there)


async def register(site: Site, program: str) -> None:
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        since = till.now - timedelta(days=60)
        profile = MemberRegistered(program_id=program, member_id="ann", registered_at=since, phone_verified=True)
        await till.send(f"{program}-reg", profile, ago=60)


async def letters(site: Site, program: str, state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await site.services.get(
        "earning", f"/v1/dead-letters?state={state}&contains={program}&limit=1000"
    )
    return found


async def points(site: Site, program: str) -> tuple[int, int]:
    """Grants and their points."""
    async with site.services.connection("greenpoints_audit") as audit:
        row = await audit.fetchrow(
            "SELECT count(*), coalesce(sum(points), 0)::bigint FROM earning.audit_grant WHERE program_id = $1", program
        )
    assert row is not None
    return row[0], row[1]


async def dry_run(page: Page, site: Site, program: str, most: int = 100) -> None:
    """To the plan's page of the letters that hold the program's name."""
    await page.goto(f"{site.url}/dead-letters")
    row = page.locator("tbody tr").filter(has_text="UNKNOWN_PROGRAM").filter(has_text="earning")
    await row.first.get_by_role("link").click()
    await page.locator("[name=contains]:visible").fill(program)
    await page.get_by_role("button", name="Filter").click()
    await page.locator("[name=most]").fill(str(most))
    await page.get_by_role("button", name="Dry run").click()
    await expect(page.locator("h1")).to_contain_text("Dry run")


async def test_many_are_replayed_after_a_dry_run_and_each_takes_effect_once(site: Site, unique: str) -> None:
    program = f"shop-{unique}"
    await bad_purchases(site, program, 30)
    before = {
        each["dead_letter_id"]: await whole(site, each["dead_letter_id"]) for each in await letters(site, program)
    }
    page = await site.sign_in_as("operator")

    await dry_run(page, site, program, most=7)
    await expect(page.locator("h1")).to_have_text("Dry run: 7 letters")
    assert len(await letters(site, program)) == len(before), "a dry run changes nothing"

    await publish_pack(site.services.kafka, read_pack(PACK).model_copy(update={"program_id": program}))
    await register(site, program)
    await dry_run(page, site, program)
    await expect(page.locator("h1")).to_have_text(f"Dry run: {len(before)} letters")
    plan = page.url
    form = page.locator("form[action$='/replay']")
    action, token = await form.get_attribute("action"), await form.locator("[name=csrf]").input_value()
    await form.get_by_role("button").click()
    await page.wait_for_url(re.compile("/dead-letters/runs/"))
    await expect(page.locator(".state").first).to_have_text("done", timeout=30_000)
    await expect(page.locator("[data-live$='/done']")).to_have_text(str(len(before)))
    await expect(page.locator("[data-live$='/left']")).to_have_text("0")
    await expect(page.locator("[data-live$='/unpublished']")).to_have_text("0", timeout=30_000)
    again = await page.request.post(f"{site.url}{action}", form={"csrf": token})
    assert again.status == 409, f"a plan is carried out once ({plan})"

    async def granted() -> bool:
        return await points(site, program) == (30, 300)

    await eventually("30 grants", granted)
    # the same bytes published again, as a repeated or interrupted replay would: nothing is added
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        for number in range(30):
            await till.send(f"{program}-{number}", purchase(f"r{number}", "ann", 1_000, program_id=program), ago=9)
        await till.send(f"{program}-end", purchase("end", "ann", 500, program_id=program), ago=9)

    async def ended() -> bool:
        return (await points(site, program))[0] > 30

    await eventually("last grant", ended)
    assert await points(site, program) == (31, 305)

    for letter_id, original in before.items():
        kept = await whole(site, letter_id)
        assert (kept["state"], kept["settled_by"]) == ("replayed", "a-operator")
        unchanged = (
            "topic",
            "partition",
            "record_offset",
            "key_base64",
            "value_base64",
            "headers",
            "message",
            "attempt",
        )
        assert {name: kept[name] for name in unchanged} == {name: original[name] for name in unchanged}
    await page.context.close()


async def whole(site: Site, letter_id: str) -> dict[str, Any]:
    letter: dict[str, Any] = await site.services.get("earning", f"/v1/dead-letters/{letter_id}")
    return letter


async def test_one_is_replayed_and_a_failure_comes_back_as_its_next_attempt(site: Site, unique: str) -> None:
    program = f"shop-{unique}"
    await bad_purchases(site, program, 1)
    letter = next(each for each in await letters(site, program) if each["topic"] == "pos.purchases.v1")
    page = await site.sign_in_as("operator")
    other = await site.page(page.context)
    address = f"{site.url}/dead-letters/letter/earning/{letter['dead_letter_id']}"
    for each in (page, other):
        await each.goto(address)
    await expect(page.locator("pre")).to_contain_text(f'"id": "{program}-0"')
    await expect(page.locator(".pairs").last).to_contain_text("application/cloudevents+json")
    await page.get_by_role("button", name="Replay it").click()
    await expect(page.locator("[data-live$='/done']")).to_have_text("1", timeout=10_000)
    await other.get_by_role("button", name="Replay it").click()  # a second tab, still on the old page
    await expect(other.locator("[data-live$='/passed']")).to_have_text("1", timeout=10_000)
    await expect(other.locator("[data-live$='/done']")).to_have_text("0")

    async def failed_again() -> bool:
        return [each["attempt"] for each in await letters(site, program) if each["topic"] == letter["topic"]] == [2]

    await eventually("second attempt", failed_again)
    await page.goto(address)
    attempts = (
        page.locator("h2", has_text="Every attempt").locator("xpath=following-sibling::div[1]").locator("tbody tr")
    )
    await expect(attempts).to_have_count(2)
    await expect(attempts.first).to_contain_text("replayed")
    await expect(attempts.last).to_contain_text("open")
    await page.context.close()


async def test_a_discard_needs_a_reason_and_everything_is_in_the_log(site: Site, unique: str) -> None:
    program = f"shop-{unique}"
    await bad_purchases(site, program, 2)
    count = len(await letters(site, program))
    page = await site.sign_in_as("operator")
    await dry_run(page, site, program)
    form = page.locator("form[action$='/discard']")
    action, token = await form.get_attribute("action"), await form.locator("[name=csrf]").input_value()
    refused = await page.request.post(f"{site.url}{action}", form={"csrf": token, "reason": " "})
    assert refused.status == 422
    assert len(await letters(site, program)) == count
    await form.locator("[name=reason]").fill("a till in training")
    await form.get_by_role("button").click()
    await expect(page.locator(".state").first).to_have_text("done", timeout=10_000)
    gone = await letters(site, program, "discarded")
    assert len(gone) == count
    assert (await whole(site, gone[0]["dead_letter_id"]))["settled_reason"] == "a till in training"
    await page.context.close()
    admin = await site.sign_in()
    await admin.goto(f"{site.url}/actions")
    rows = admin.locator("tbody tr").filter(has_text="dead_letters.discard").filter(has_text="a till in training")
    await expect(rows).to_have_count(2)  # begun, and done
    await expect(rows.first).to_contain_text("a-operator")
    await expect(rows.first).to_contain_text(f"done: {count}")
    await admin.context.close()
