"""A mail server for tests: it keeps what it took on, and refuses, stalls or breaks off where it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP

from deploy.local import ports


@dataclass(slots=True)
class Mail:
    """One message the server took on."""

    recipients: list[str]
    message: EmailMessage

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def body(self) -> str:
        return str(self.message.get_content())


async def _nothing() -> None:
    return None


@dataclass(slots=True)
class MailServer:
    """`answer_recipient` and `answer_data` answer each attempt; None takes it on, a text is the server's reply."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    attempts: int = 0
    answer_recipient: Callable[[str], str | None] = field(default=lambda _address: None)
    answer_data: Callable[[], str | None] = field(default=lambda: None)
    at_recipient: Callable[[], Awaitable[object]] = field(default=_nothing)  # what happens before it answers
    seconds_at_data: float = 0  # how long it thinks before it takes a message on
    at_data: int = 0
    break_off: bool = False  # at the end of the data: the client never learns whether it was taken on
    _server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def to(self, address: str) -> list[Mail]:
        return [mail for mail in self.mails if address in mail.recipients]

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="mail.test", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", self.port
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_RCPT(  # noqa: N802 - the library's names
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.attempts += 1
        await self.at_recipient()
        if (refused := self.answer_recipient(address)) is not None:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.at_data += 1
        await asyncio.sleep(self.seconds_at_data)
        if (refused := self.answer_data()) is not None:
            return refused
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(Mail(list(envelope.rcpt_tos), message))
        if self.break_off:
            server.transport.abort()
        return "250 taken on"


@asynccontextmanager
async def running_mail_server() -> AsyncIterator[MailServer]:
    """In this event loop, on a port of its own."""
    server = MailServer(ports.free_port())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
