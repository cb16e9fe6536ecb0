"""The console's HTTP application over a real database, without Kafka, and a browser of it that remembers cookies."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from services.console.app import OWN_MIGRATIONS, build_console, console_app
from services.console.console import Console
from services.console.first_run import first_admin
from services.console.services import Services
from services.console.settings import ConsoleSettings
from shared.runtime.postgres import MIGRATIONS, connect_pool, migrate

PASSWORD = "seven green apples"  # noqa: S105 - of no worth outside the test
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(slots=True)
class Browser:
    """One person's browser."""

    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, page: str = "/account", **fields: str) -> httpx.Response:
        """Send the form of `page`, with its token."""
        return await self.client.post(path, data={"csrf": await self.token(page), **fields})

    async def token(self, page: str = "/account") -> str:
        found = _TOKEN.search((await self.client.get(page)).text)
        assert found is not None, f"{page} has no form"
        return found[1]

    async def sign_in(self, name: str = "admin", password: str = PASSWORD, **fields: str) -> httpx.Response:
        return await self.post("/sign-in", "/sign-in", name=name, password=password, **fields)


@dataclass(slots=True)
class Site:
    """The running application."""

    console: Console
    app: FastAPI

    @asynccontextmanager
    async def browser(self, address: str = "10.0.0.1", scheme: str = "http") -> AsyncIterator[Browser]:
        transport = httpx.ASGITransport(app=self.app, client=(address, 5000), raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"{scheme}://console.test", headers={"accept": "text/html"}
        ) as client:
            yield Browser(client)

    @asynccontextmanager
    async def signed_in(self, role: str = "admin", address: str = "10.0.0.1") -> AsyncIterator[Browser]:
        """Somebody of this role; `admin` is the first admin, another gets the name of the role."""
        if role != "admin":
            password_hash = await self.console.passwords.hash(PASSWORD)
            if await self.console.operators.add(role, password_hash, role, "the tests"):  # type: ignore[arg-type]
                await self.console.pool.execute("UPDATE operator SET must_change = false WHERE name = $1", role)
        async with self.browser(address) as browser:
            assert (await browser.sign_in(role)).status_code == 303
            yield browser

    async def told(self) -> list[tuple[str, str, str, str]]:
        """Operator, action, subject and outcome of every action, the oldest first."""
        rows = await self.console.actions.latest(limit=1000)
        return [(row["operator"], row["action"], row["subject"], row["outcome"]) for row in reversed(rows)]


@asynccontextmanager
async def running_site(
    dsn: str, transport: httpx.AsyncBaseTransport | None = None, **settings: Any
) -> AsyncIterator[Site]:
    """Migrated, with the first admin; services answer by `transport`."""
    told: Mapping[str, Any] = {"kafka": "unused", "database": dsn, "environment": "test", **settings}
    own = ConsoleSettings(**{"console_admin_password": PASSWORD, **told})
    pool = await connect_pool(own)
    try:
        async with pool.acquire() as connection:
            await migrate(connection, [MIGRATIONS, OWN_MIGRATIONS])
        async with Services(own.addresses, "token", transport) as services:
            console = build_console(own, pool, services)
            # the real effort would make these tests slow; what it costs is the library's to test
            console.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
            await first_admin(console)
            yield Site(console, console_app(console))
    finally:
        await pool.close()
