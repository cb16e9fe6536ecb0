"""The spine running: earning and redemption as processes on fresh topics and a fresh database."""

from collections.abc import AsyncIterator

import pytest_asyncio

from deploy.local.stack import Stack
from services.operator.program import apply_shipped
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, running_services


@pytest_asyncio.fixture(loop_scope="session")
async def spine(stack: Stack, fresh_topics: str, database: Database) -> AsyncIterator[Services]:
    """Earning and redemption with the fruit shop's program published."""
    await apply_shipped(fresh_topics)
    async with running_services(fresh_topics, database, stack.state_dir, "earning", "redemption") as services:
        yield services
