"""Books filled once for all tests of this folder."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.stack import Stack
from services.operator.bootstrap import all_topics, create_topics
from services.redemption.sweepers.seal_journal import seal_up_to_now
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import running_services
from tests.integration.audit.books import Books, fill


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(stack: Stack, module_database: Database) -> AsyncIterator[Books]:
    """The services run only while this is set up; afterwards a test may corrupt the books and has to mend them.

    That it did shows in the next test, which finds its own corruption alone, and after the last one here.
    """
    await _empty_topics(stack.kafka)
    async with running_services(stack.kafka, module_database, stack.state_dir) as services:
        filled = await fill(services)
        await _seal(module_database.dsns["redemption"])
        yield filled
        verdict = await filled.audit()
        assert verdict.clean, f"the tests have mended what they corrupted: {verdict.sentence}"


async def _seal(dsn: str) -> None:
    """What the last seconds brought is sealed too, so that every row can be falsified."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        assert await seal_up_to_now(pool)


async def _empty_topics(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_topics(sorted(set(await admin.list_topics()) & set(all_topics())))
        while set(await admin.list_topics()) & set(all_topics()):  # deletion goes on after the answer
            continue
    finally:
        await admin.close()
    await create_topics(kafka)
