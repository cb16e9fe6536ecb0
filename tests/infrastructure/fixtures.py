"""Fixtures for tests that need Kafka and PostgreSQL. Nothing starts until a test asks for one of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.stack import Stack
from services.operator.bootstrap import all_topics, create_database, create_topics, dsn_for, new_passwords
from shared.events.topics import built_services
from tests.infrastructure.stack import session_stack
from tests.infrastructure.templates import Templates, drop_database


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
    """The `kafka` bootstrap string, with every topic empty, from offset 0: each that was written to is made anew.

    A fresh database makes a service read each topic from its start, so a test that starts services wants this.
    Measured: 0.6 s for all 28 topics and less for some, against 2.1 s and more for a broker of its own. Stop every
    client of an earlier test first: a deleted topic is another topic to it.
    """
    await renew_topics(kafka)
    return kafka


@pytest.fixture(scope="session")
def passwords() -> Mapping[str, str]:
    """One password per role and session: roles belong to the whole cluster, not to one database."""
    return new_passwords(built_services())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def templates(stack: Stack, passwords: Mapping[str, str]) -> AsyncIterator[Templates]:
    """What the databases of this session's tests are copied from."""
    templates = Templates(stack.postgres_admin_dsn, passwords)
    yield templates
    await templates.drop()


@pytest.fixture(scope="session")
def migrated_service() -> str | None:
    """Whose schema is there already when a test gets its database; a folder that tests one service names it."""
    return None


@pytest_asyncio.fixture(loop_scope="session")
async def database(stack: Stack, templates: Templates, migrated_service: str | None) -> AsyncIterator[Database]:
    """A database of the test's own, bootstrapped (schemas, roles; `migrated_service` alone is migrated)."""
    async with copied_database(stack, templates, migrated_service) as fresh:
        yield fresh


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module_database(stack: Stack, templates: Templates, migrated_service: str | None) -> AsyncIterator[Database]:
    """Like `database`, shared by a module's tests."""
    async with copied_database(stack, templates, migrated_service) as fresh:
        yield fresh


@pytest.fixture
def unique() -> str:
    """A short random word for program, member and receipt ids that no other test uses."""
    return uuid.uuid4().hex[:10]


@asynccontextmanager
async def fresh_database(stack: Stack, passwords: Mapping[str, str]) -> AsyncIterator[Database]:
    """Bootstrapped as an operator's is, under a name of its own, dropped at the end; 0.2 s of CPU."""
    name = _new_name()
    dsns = await create_database(stack.postgres_admin_dsn, name, services=built_services(), passwords=passwords)
    try:
        yield Database(name, dsn_for(stack.postgres_admin_dsn, name), dsns)
    finally:
        await drop_database(stack.postgres_admin_dsn, name)


@asynccontextmanager
async def copied_database(stack: Stack, templates: Templates, migrated: str | None) -> AsyncIterator[Database]:
    """The same for half of that, and with the schema of service `migrated`."""
    name = _new_name()
    dsns = await templates.copied(name, migrated)
    try:
        yield Database(name, dsn_for(stack.postgres_admin_dsn, name), dsns)
    finally:
        await drop_database(stack.postgres_admin_dsn, name)


def _new_name() -> str:
    return f"greenpoints_{uuid.uuid4().hex[:10]}"


async def renew_topics(kafka: str) -> None:
    """Delete every topic of topics.yaml that was ever written to and create it anew; no client of theirs may run."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        present = set(await admin.list_topics()) & set(all_topics())
        if written := await _ever_written(kafka, present):
            await admin.delete_topics(sorted(written))
        async with asyncio.timeout(30):
            while written & set(await admin.list_topics()):  # deletion goes on after the answer
                await asyncio.sleep(0.02)
    finally:
        await admin.close()
    await create_topics(kafka)


async def _ever_written(kafka: str, topics: set[str]) -> set[str]:
    """Those of which some partition does not end at offset 0: what was deleted since, or aborted, counts."""
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as reader:
        places = [TopicPartition(topic, n) for topic in topics for n in range(all_topics()[topic].partitions)]
        reader.assign(places)  # else the client learns of one topic after another, and waits between
        return {place.topic for place, end in (await reader.end_offsets(places)).items() if end}
