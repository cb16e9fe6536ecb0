"""Fixtures for tests that need Kafka and PostgreSQL. Nothing starts until a test asks for one of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.stack import Stack
from services.operator.bootstrap import all_topics, create_database, create_topics, dsn_for, new_passwords
from shared.events.topics import built_services
from tests.infrastructure.stack import session_stack


@dataclass(frozen=True, slots=True)
class Database:
    """A fresh database: the administrator's DSN into it, and one DSN per service and for greenpoints_audit."""

    name: str
    admin_dsn: str = field(repr=False)
    dsns: Mapping[str, str] = field(repr=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """Kafka and PostgreSQL, started once per session (3 s natively) and removed at its end; no fsync."""
    async with session_stack() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka(stack: Stack) -> str:
    """Bootstrap servers of a Kafka that has every topic of topics.yaml.

    Topics are shared by all tests: use program and member ids of your own (the `unique` fixture), or ask for
    `fresh_topics` as well when a service must not read what other tests published.
    """
    await create_topics(stack.kafka)
    return stack.kafka


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_topics(kafka: str) -> str:
    """The `kafka` bootstrap string, with every topic deleted and made anew, empty, from offset 0.

    A fresh database makes a service read each topic from its start, so a test that starts services wants this.
    Measured: 0.6 s for all 28 topics, against 2.1 s and more for a broker of its own. Stop every client of an
    earlier test first: a deleted topic is another topic to it.
    """
    await renew_topics(kafka)
    return kafka


@pytest.fixture(scope="session")
def passwords() -> Mapping[str, str]:
    """One password per role and session: roles belong to the whole cluster, not to one database."""
    return new_passwords(built_services())


@pytest_asyncio.fixture(loop_scope="session")
async def database(stack: Stack, passwords: Mapping[str, str]) -> AsyncIterator[Database]:
    """A database of the test's own, bootstrapped (schemas, roles; no migrations), dropped afterwards; 0.1 s."""
    async with fresh_database(stack, passwords) as fresh:
        yield fresh


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module_database(stack: Stack, passwords: Mapping[str, str]) -> AsyncIterator[Database]:
    """Like `database`, shared by a module's tests."""
    async with fresh_database(stack, passwords) as fresh:
        yield fresh


@pytest.fixture
def unique() -> str:
    """A short random word for program, member and receipt ids that no other test uses."""
    return uuid.uuid4().hex[:10]


@asynccontextmanager
async def fresh_database(stack: Stack, passwords: Mapping[str, str]) -> AsyncIterator[Database]:
    """Bootstrapped under a name of its own, dropped at the end."""
    name = f"greenpoints_{uuid.uuid4().hex[:10]}"
    dsns = await create_database(stack.postgres_admin_dsn, name, services=built_services(), passwords=passwords)
    try:
        yield Database(name, dsn_for(stack.postgres_admin_dsn, name), dsns)
    finally:
        admin = await asyncpg.connect(stack.postgres_admin_dsn)
        try:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        finally:
            await admin.close()


async def renew_topics(kafka: str) -> None:
    """Delete every topic of topics.yaml and create it anew; no client of theirs may be running."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        present = set(await admin.list_topics()) & set(all_topics())
        await admin.delete_topics(sorted(present))
        async with asyncio.timeout(30):
            while present & set(await admin.list_topics()):  # deletion goes on after the answer
                await asyncio.sleep(0.02)
    finally:
        await admin.close()
    await create_topics(kafka)
