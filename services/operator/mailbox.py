"""The mail server of a local run: it takes every message, keeps it as a file, and sends nothing anywhere."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
_MOST_BYTES = 1024 * 1024


@dataclass(slots=True)
class Mailbox:
    """Every message that came, one file each, named after its Message-ID: one sent twice is one file, counted twice."""

    directory: Path
    address: str = ""
    taken: int = 0
    _files: set[Path] = field(default_factory=set)

    @property
    def different(self) -> int:
        """How many different messages came while this run lasts."""
        return len(self._files)

    def newest(self, wanted: str) -> EmailMessage | None:
        """The last message to an address that begins with `wanted`, or None."""
        for file in sorted(self._files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            if str(message["To"]).lstrip("<").startswith(wanted):
                return message
        return None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook: 250 once the message is in its file."""
        content = envelope.original_content or b""
        identity = email.message_from_bytes(content, policy=email.policy.default)["Message-ID"]
        file = self.directory / f"{sha256(str(identity or content).encode()).hexdigest()[:24]}.eml"
        file.write_bytes(content)
        self._files.add(file)
        self.taken += 1
        return "250 kept"


@asynccontextmanager
async def open_mailbox(directory: Path) -> AsyncIterator[Mailbox]:
    """A mail server on a free port of this machine until the block ends; `address` is its host:port."""
    directory.mkdir(mode=0o700, exist_ok=True)
    mailbox = Mailbox(directory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            mailbox, hostname="greenpoints.test", data_size_limit=_MOST_BYTES, enable_SMTPUTF8=True, loop=loop
        ),
        HOST,
        0,
    )
    mailbox.address = f"{HOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()
