"""A notification service with its own database, and a mail server."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infrastructure.fixtures import Database
from tests.infrastructure.mail_server import MailServer, running_mail_server
from tests.integration.notification.harness import Notification, start, stop


@pytest.fixture(scope="session")
def migrated_service() -> str:
    return "notification"


@pytest_asyncio.fixture(loop_scope="session")
async def mail() -> AsyncIterator[MailServer]:
    """A mail server that takes everything on."""
    async with running_mail_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def service(database: Database, mail: MailServer) -> AsyncIterator[Notification]:
    """Freshly migrated, empty, with the mail channel on."""
    started = await start(database.dsns["notification"], mail.address)
    yield started
    await stop(started)
