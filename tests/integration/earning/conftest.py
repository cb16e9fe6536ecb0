"""Earning's books, freshly migrated, in a database of the test's own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infrastructure.fixtures import Database
from tests.integration.earning.harness import Earning, started


@pytest.fixture(scope="session")
def migrated_service() -> str:
    return "earning"


@pytest_asyncio.fixture(loop_scope="session")
async def earning(database: Database) -> AsyncIterator[Earning]:
    """Empty but for the fruit shop's program."""
    async with started(database.dsns["earning"]) as books:
        yield books
