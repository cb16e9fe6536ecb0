"""A TCP proxy before PostgreSQL that can lose what commits a transaction, or the reply to it.

It reads the frontend's messages (protocol 3.0, unencrypted) far enough to know which message commits a transaction
in which a marked statement ran.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

Mark: TypeAlias = tuple[str, ...]  # words that the statements of one transaction hold between them
SAVE: Mark = ("UPDATE partition_offset",)
SPENDING: Mark = ("idempotency_key = $", "INSERT INTO redemption (")
RELAY_DELETE: Mark = ("DELETE FROM outbox",)
LATE_SECONDS = 1.5
_SSL_REQUEST, _CANCEL_REQUEST = 80877103, 80877102
_FLUSHES = frozenset(b"SHQXpcfdF")  # messages after which the frontend waits for an answer


class Loss(StrEnum):
    """What becomes of the commit whose client is cut off."""

    REPLY = "committed, reply lost"
    REQUEST = "never received"
    LATE = "received after the client had given up"


@dataclass(slots=True)
class _Wish:
    mark: Mark
    loss: Loss
    times: int


@dataclass(slots=True)
class Proxy:
    """Passes everything on but what `lose` asked for."""

    host: str
    port: int
    server: tuple[str, int]
    lost: list[tuple[Mark, Loss]] = field(default_factory=list)
    _wishes: list[_Wish] = field(default_factory=list)
    _late: set[asyncio.Task[None]] = field(default_factory=set)

    def before(self, dsn: str) -> str:
        """The same DSN by way of this proxy; `disable` because it cannot read what is encrypted."""
        parts = urlsplit(dsn)
        account = parts.netloc.rpartition("@")[0]
        return urlunsplit((parts.scheme, f"{account}@{self.host}:{self.port}", parts.path, "sslmode=disable", ""))

    def lose(self, mark: Mark, loss: Loss, times: int = 1) -> None:
        """Cut off the next `times` clients about to commit a transaction that bears `mark`."""
        self._wishes.append(_Wish(mark, loss, times))

    @property
    def outstanding(self) -> int:
        """How many losses asked for have not happened yet."""
        return sum(wish.times for wish in self._wishes)

    def _wish_for(self, statements: list[bytes]) -> _Wish | None:
        for wish in self._wishes:
            if all(any(word.encode() in statement for statement in statements) for word in wish.mark):
                wish.times -= 1
                if not wish.times:
                    self._wishes.remove(wish)
                self.lost.append((wish.mark, wish.loss))
                return wish
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.server)
        except OSError:  # the server is away, and so are we
            writer.transport.abort()
            return
        session = _Session(self, reader, writer, server_reader, server_writer)
        tasks = [asyncio.create_task(session.forth()), asyncio.create_task(session.back())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.transport.abort()
            if not session.keeps_server:
                server_writer.transport.abort()

    def _finish_late(self, session: "_Session", held: bytes) -> None:
        """Hand the held messages to the server when nobody waits for the answer any more."""

        async def finish() -> None:
            await asyncio.sleep(LATE_SECONDS)
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                session.send(held)
                async with asyncio.timeout(20):
                    await session.answered()
            session.server_writer.transport.abort()

        task = asyncio.create_task(finish())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


@asynccontextmanager
async def running_proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy on a free port of 127.0.0.1 before the server of `dsn`."""
    parts = urlsplit(dsn)
    proxy = Proxy("127.0.0.1", 0, (parts.hostname or "127.0.0.1", parts.port or 5432))
    server = await asyncio.start_server(proxy._serve, proxy.host, 0, limit=2**22)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in proxy._late:
            task.cancel()
        await asyncio.gather(*proxy._late, return_exceptions=True)


class _Session:
    """One client's connection: its prepared statements, and what its transaction has run so far."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self.server_writer = server_writer
        self.keeps_server = False
        self._proxy = proxy
        self._reader, self._writer, self._server_reader = reader, writer, server_reader
        self._prepared: dict[bytes, bytes] = {}
        self._bound = b""
        self._ran: list[bytes] = []  # statements of the open transaction
        self._in_transaction = False
        self._waiting = 0  # ReadyForQuery messages owed by the server
        self._ready = asyncio.Event()
        self._hush = False

    async def forth(self) -> None:
        """Client to server, in whole groups of messages; ends when either side does or the client is cut off."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._start()
            group = bytearray()
            while True:
                kind, message = await _read_message(self._reader)
                group += message
                commits = self._note(kind, message)
                if kind[0] not in _FLUSHES:
                    continue
                wish = self._proxy._wish_for(self._ran) if commits else None
                if wish is not None:
                    await self._cut_off(wish, bytes(group))
                    return
                if commits:
                    self._ran.clear()
                self.send(bytes(group))
                await self.server_writer.drain()
                group.clear()

    async def back(self) -> None:
        """Server to client; while hushed it only listens for the end of the answer."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, message = await _read_message(self._server_reader)
                if not self._hush:
                    self._writer.write(message)
                if kind == b"Z":
                    self._waiting -= 1
                    if not self._waiting:
                        self._ready.set()
                    if not self._hush:
                        await self._writer.drain()

    async def answered(self) -> None:
        """The server's answer to everything that was sent, read and thrown away."""
        while self._waiting:
            kind, _ = await _read_message(self._server_reader)
            self._waiting -= kind == b"Z"

    def send(self, group: bytes) -> None:
        self._waiting += _count_ready(group)
        self._ready.clear()
        self.server_writer.write(group)

    async def _cut_off(self, wish: _Wish, group: bytes) -> None:
        if wish.loss is Loss.REPLY:
            self._hush = True
            self.send(group)
            async with asyncio.timeout(30):
                await self._ready.wait()
        elif wish.loss is Loss.LATE:
            self.keeps_server = True
            self._proxy._finish_late(self, group)

    async def _start(self) -> None:
        """Pass the start-up packet on; encryption is refused in the server's name."""
        while True:
            head = await self._reader.readexactly(8)
            length, code = struct.unpack("!II", head)
            rest = await self._reader.readexactly(length - 8)
            if code == _SSL_REQUEST:
                self._writer.write(b"N")
                continue
            self._waiting += code != _CANCEL_REQUEST  # the server says when it is ready for the first query
            self.server_writer.write(head + rest)
            return

    def _note(self, kind: bytes, message: bytes) -> bool:
        """Follow the conversation; whether this message commits what ran before it."""
        if kind == b"P":
            name, query = message[5:].split(b"\0", 2)[:2]
            self._prepared[name] = query
        elif kind == b"B":
            self._bound = self._prepared.get(message[5:].split(b"\0", 2)[1], b"")
        elif kind == b"E":
            self._ran.append(self._bound)
        elif kind == b"S":
            return not self._in_transaction
        elif kind == b"Q":
            return self._note_query(message[5:-1])
        return False

    def _note_query(self, query: bytes) -> bool:
        first = query.split(None, 1)[0].strip(b";").upper() if query.strip() else b""
        if first in (b"BEGIN", b"START"):
            self._in_transaction = True
            self._ran.clear()
        elif first in (b"COMMIT", b"END"):
            self._in_transaction = False
            return True
        elif first == b"ROLLBACK" and b"TO" not in query.upper().split():
            self._in_transaction = False
            self._ran.clear()
        elif not self._in_transaction:
            self._ran.append(query)
            return True
        return False


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One message: its kind, and the whole of it with its head."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


def _count_ready(group: bytes) -> int:
    """How many ReadyForQuery messages a group will be answered with."""
    place, ready = 0, 0
    while place < len(group):
        ready += group[place : place + 1] in (b"S", b"Q", b"F")
        place += 1 + int.from_bytes(group[place + 1 : place + 5], "big")
    return ready
