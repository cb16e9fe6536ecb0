"""The console as a person meets it: signed in under a role, on a page that may not say a bad word."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.infrastructure.services import Services

ADMIN, ADMIN_PASSWORD = "admin", "a-long-word-for-tests"
_PASSWORD = "another-long-word-for-tests"  # noqa: S105 - of no worth outside the test


@dataclass  # no slots: playwright keeps a handler on the object it belongs to
class Site:
    """One running console. Every page that `page` opens collects what the browser complains of in `complaints`."""

    services: Services
    browser: Browser
    environment: dict[str, str]
    complaints: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)
    _passwords: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.services.url("console")

    async def context(self, *, language: str = "en", theme: str = "light", width: int = 1440) -> BrowserContext:
        """A browser of its own (cookies, cache), which has chosen a language and the colours."""
        context = await self.browser.new_context(viewport={"width": width, "height": 900})
        host = urlsplit(self.url).hostname or ""
        chosen = {"greenpoints_language": language, "greenpoints_theme": theme}
        await context.add_cookies(
            [{"name": name, "value": value, "domain": host, "path": "/"} for name, value in chosen.items()]
        )
        self._contexts.append(context)
        return context

    async def page(self, context: BrowserContext) -> Page:
        page = await context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        # a request that fails because the server is away is no fault of the page; a refused script or style is
        if message.type in ("error", "warning") and "ERR_CONNECTION" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    async def sign_in(
        self, name: str = ADMIN, password: str = ADMIN_PASSWORD, context: BrowserContext | None = None
    ) -> Page:
        """A page on the overview, signed in."""
        page = await self.page(context or await self.context())
        await page.goto(f"{self.url}/sign-in")
        await submit_sign_in(page, name, password)
        await page.wait_for_url(f"{self.url}/")
        return page

    async def sign_in_as(self, role: str, context: BrowserContext | None = None) -> Page:
        """As an operator of that role, whom the admin makes when he is asked for first."""
        if role not in self._passwords:
            self._passwords[role] = await self._make_operator(role)
        return await self.sign_in(f"a-{role}", self._passwords[role], context)

    async def _make_operator(self, role: str) -> str:
        admin = await self.sign_in()
        await admin.goto(f"{self.url}/operators")
        form = admin.locator("form[action='/operators']")
        await form.locator("[name=name]").fill(f"a-{role}")
        await form.locator("[name=role]").select_option(role)
        await form.get_by_role("button").click()
        first = (await admin.locator(".secret").inner_text()).strip()
        await admin.context.close()
        page = await self.page(await self.context())
        await page.goto(f"{self.url}/sign-in")
        await submit_sign_in(page, f"a-{role}", first)
        await page.wait_for_url(re.compile("/account"))  # a password that somebody else made is changed first
        await page.locator("[name=present]").fill(first)
        await page.locator("[name=new]").fill(_PASSWORD)
        await page.locator("[name=repeated]").fill(_PASSWORD)
        await page.locator("main form button").first.click()
        await expect(page.locator(".notice.ok")).to_be_visible()
        await page.context.close()
        return _PASSWORD

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


async def submit_sign_in(page: Page, name: str, password: str) -> None:
    await page.locator("[name=name]").fill(name)
    await page.locator("[name=password]").fill(password)
    await page.locator("main form button").click()
