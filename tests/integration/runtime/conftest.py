"""The runtime's tables, freshly migrated."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.infrastructure.fixtures import Database
from tests.integration.runtime.harness import Ledger, started


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    async with started(database.dsns["earning"]) as books:
        yield books
