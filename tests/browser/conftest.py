"""A browser, and the real thing in front of it: Kafka, PostgreSQL, earning, redemption and the console as processes."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from deploy.local import software
from deploy.local.stack import Stack
from services.operator.program import apply_shipped
from tests.browser.site import ADMIN_PASSWORD, Site
from tests.infrastructure.fixtures import fresh_database, renew_topics
from tests.infrastructure.services import running_services


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium; installed where we may, else the tests fail with the command that installs it."""
    program = software.chromium(print)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # root's Chromium has no other way
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(stack: Stack, kafka: str, passwords: dict[str, str], browser: Browser) -> AsyncIterator[Site]:
    """Fresh topics, a fresh database, two services and a console that has an admin."""
    async with running_site(stack, kafka, passwords, browser, "earning", "redemption") as running:
        yield running


@asynccontextmanager
async def running_site(
    stack: Stack, kafka: str, passwords: dict[str, str], browser: Browser, *names: str
) -> AsyncIterator[Site]:
    await renew_topics(kafka)
    await apply_shipped(kafka)
    async with (
        fresh_database(stack, passwords) as database,
        running_services(kafka, database, stack.state_dir, *names) as services,
    ):
        urls = json.dumps({name: services.url(name) for name in names})
        environment = {
            "GREENPOINTS_SERVICE_URLS": urls,
            "GREENPOINTS_CONSOLE_ADMIN_PASSWORD": ADMIN_PASSWORD,
        }
        await services.start("console", environment=environment)
        site = Site(services, browser, environment)
        try:
            yield site
        finally:
            await site.close()
