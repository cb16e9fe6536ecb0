"""A console of the test's own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infrastructure.fixtures import Database
from tests.integration.console.harness import Site, running_site


@pytest.fixture(scope="session")
def migrated_service() -> str:
    return "console"


@pytest_asyncio.fixture(loop_scope="session")
async def site(database: Database) -> AsyncIterator[Site]:
    async with running_site(database.dsns["console"]) as running:
        yield running
