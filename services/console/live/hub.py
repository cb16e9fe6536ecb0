"""One event stream per browser, many live topics on it.

A browser opens `GET /live?topics=a,b:parameter`; its tabs join and leave topics by `POST /live/<stream>`. Each message
has a rising id and the server's time. Something is sent every second at least, so that silence means a dead server.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime

import orjson
import structlog

from services.console.live.source import LiveSource
from services.console.visitor import Visitor

log = structlog.get_logger()

OpenLive = Callable[[Visitor, str], Awaitable[LiveSource]]
MOST_TOPICS = 20  # of one stream
MOST_STREAMS = 200
_HEARTBEAT_SECONDS = 1.0
_SESSION_SECONDS = 5.0  # how long a stream may outlive its session


class TooManyStreamsError(Exception):
    """More browsers than one console process serves."""


class Stream:
    """One browser's stream."""

    def __init__(self, stream_id: str, visitor: Visitor, opens: Mapping[str, OpenLive]) -> None:
        self.stream_id = stream_id
        self.visitor = visitor
        self._opens = opens
        self._sources: dict[str, LiveSource] = {}
        self._changing = asyncio.Lock()

    async def show(self, topics: Iterable[str]) -> None:
        """Exactly these topics from now on; unknown ones are left out."""
        wanted = list(dict.fromkeys(topics))[:MOST_TOPICS]
        async with self._changing:
            for topic in self._sources.keys() - set(wanted):
                await self._sources.pop(topic).close()
            for topic in wanted:
                if topic in self._sources:
                    continue
                name, _, parameter = topic.partition(":")
                if (opener := self._opens.get(name)) is not None:
                    self._sources[topic] = await opener(self.visitor, parameter)

    def take(self) -> dict[str, object]:
        """What changed, by topic. A source that fails is told, and does not silence the others."""
        frames: dict[str, object] = {}
        for topic, source in self._sources.items():
            try:
                frame = source.take()
            except Exception as error:
                log.exception("live source failed", topic=topic)
                frame = {"trouble": type(error).__name__}
            if frame is not None:
                frames[topic] = frame
        return frames


class Hub:
    """All open streams of this process."""

    def __init__(self, frame_seconds: float, is_signed_in: Callable[[bytes], Awaitable[bool]]) -> None:
        self._frame_seconds = frame_seconds
        self._is_signed_in = is_signed_in
        self._opens: dict[str, OpenLive] = {}
        self._streams: dict[str, Stream] = {}
        self._ending = False

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    def offer(self, name: str, opener: OpenLive) -> None:
        """Name a live topic; `opener(visitor, parameter)` is called for each browser that asks for it."""
        if name in self._opens:
            raise ValueError(f"Two pages offer the live topic {name}; rename one.")
        self._opens[name] = opener

    async def end_with_process(self) -> None:
        """A part of the process: when it is cancelled the streams end, so that the server need not cut them off."""
        try:
            await asyncio.Event().wait()
        finally:
            self._ending = True

    def find(self, stream_id: str, visitor: Visitor) -> Stream | None:
        """The visitor's own stream."""
        stream = self._streams.get(stream_id)
        return stream if stream is not None and stream.visitor.session_hash == visitor.session_hash else None

    async def messages(self, visitor: Visitor, topics: Iterable[str]) -> AsyncGenerator[bytes, None]:
        """Server-sent events until the browser leaves or the session ends."""
        if len(self._streams) >= MOST_STREAMS:
            raise TooManyStreamsError
        stream = Stream(secrets.token_urlsafe(16), visitor, self._opens)
        self._streams[stream.stream_id] = stream
        try:
            await stream.show(topics)
            async for message in self._frames(stream):
                yield message
        finally:
            self._streams.pop(stream.stream_id, None)
            await asyncio.shield(stream.show(()))

    async def _frames(self, stream: Stream) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        number, sent_at, checked_at = 1, loop.time(), loop.time()
        yield _message(number, "stream", {"stream": stream.stream_id})
        while not self._ending:
            frames = stream.take()
            if frames or loop.time() - sent_at >= _HEARTBEAT_SECONDS:
                number, sent_at = number + 1, loop.time()
                yield _message(number, "frame", {"topics": frames})
            if loop.time() - checked_at >= _SESSION_SECONDS:
                checked_at = loop.time()
                if not await self._is_signed_in(stream.visitor.session_hash):
                    yield _message(number + 1, "signed-out", {})
                    return
            await asyncio.sleep(self._frame_seconds)


def _message(number: int, kind: str, content: Mapping[str, object]) -> bytes:
    told = orjson.dumps({"at": datetime.now(UTC), **content})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind.encode(), told)
