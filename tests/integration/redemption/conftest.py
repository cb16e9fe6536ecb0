"""A redemption service with its own database."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import Redemption, start, stop


@pytest.fixture(scope="session")
def migrated_service() -> str:
    return "redemption"


@pytest_asyncio.fixture(loop_scope="session")
async def redemption(database: Database) -> AsyncIterator[Redemption]:
    """Freshly migrated, empty."""
    started = await start(database.dsns["redemption"])
    yield started
    await stop(started)
