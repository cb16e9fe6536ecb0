"""Fraud monitoring as a process on fresh topics and a fresh database, and the events it looks at."""

from collections.abc import AsyncIterator

import pytest_asyncio

from deploy.local.stack import Stack
from services.operator.program import apply_shipped
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, running_services
from tests.integration.fraud_monitoring.scene import Scene, scene_of


@pytest_asyncio.fixture(loop_scope="session")
async def services(stack: Stack, fresh_topics: str, database: Database) -> AsyncIterator[Services]:
    """Nothing started yet; the shipped programs published."""
    await apply_shipped(fresh_topics)
    async with running_services(fresh_topics, database, stack.state_dir) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def scene(services: Services, unique: str) -> AsyncIterator[Scene]:
    """One process of fraud_monitoring, a producer, and the holds on fraud.holds.v1."""
    await services.start("fraud_monitoring")
    async with scene_of(services, unique) as scene:
        yield scene
