"""The event stream: numbered, never silent, one per browser, ended with its session."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from services.console.domain.rights import Role
from services.console.live import hub as hub_module
from services.console.live.hub import MOST_TOPICS, Hub
from services.console.live.source import Cell, CellSource, LiveSource, RenderCache
from services.console.visitor import Look, Visitor

MINE = Visitor(b"mine", uuid.uuid4(), "wang", Role.VIEWER, "csrf", "127.0.0.1", Look("en", "auto"))
OTHERS = Visitor(b"others", uuid.uuid4(), "li", Role.VIEWER, "csrf", "127.0.0.1", Look("en", "auto"))


async def signed_in(_session: bytes) -> bool:
    return True


class Counting:
    """Counts its takes; remembers being let go."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed = False

    def take(self) -> Mapping[str, object] | None:
        self.taken += 1
        return {"number": self.taken} if self.taken <= 3 else None

    async def close(self) -> None:
        self.closed = True


class Failing(Counting):
    def take(self) -> Mapping[str, object] | None:
        raise RuntimeError("this reading failed")


def told(message: bytes) -> tuple[int, str, dict[str, Any]]:
    lines = dict(line.split(": ", 1) for line in message.decode().strip().split("\n"))
    return int(lines["id"]), lines["event"], orjson.loads(lines["data"])


async def some(messages: AsyncIterator[bytes], count: int) -> list[tuple[int, str, dict[str, Any]]]:
    async with asyncio.timeout(5):
        return [told(await anext(messages)) for _ in range(count)]


async def test_messages_rise_and_tell_the_time_and_what_changed() -> None:
    hub = Hub(0.01, signed_in)
    source = Counting()

    async def opener(_visitor: Visitor, _parameter: str) -> LiveSource:
        return source

    hub.offer("counting", opener)
    async with aclosing(hub.messages(MINE, ["counting", "nobody offers this"])) as messages:
        got = await some(messages, 4)
    assert [number for number, _, _ in got] == [1, 2, 3, 4]
    assert [kind for _, kind, _ in got] == ["stream", "frame", "frame", "frame"]
    assert [content["topics"] for _, _, content in got[1:]] == [{"counting": {"number": n}} for n in (1, 2, 3)]
    assert all(content["at"] for _, _, content in got)
    assert source.closed
    assert hub.open_streams == 0


async def test_nothing_new_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_HEARTBEAT_SECONDS", 0.05)
    async with aclosing(Hub(0.01, signed_in).messages(MINE, [])) as messages:
        got = await some(messages, 3)
    assert [content.get("topics") for _, _, content in got] == [None, {}, {}]


async def test_tabs_join_and_leave_without_a_new_stream() -> None:
    hub = Hub(0.01, signed_in)
    opened: dict[str, Counting] = {}

    async def opener(_visitor: Visitor, parameter: str) -> LiveSource:
        opened[parameter] = Counting()
        return opened[parameter]

    hub.offer("tail", opener)
    async with aclosing(hub.messages(MINE, ["tail:a"])) as messages:
        _, _, first = (await some(messages, 1))[0]
        stream = hub.find(first["stream"], MINE)
        assert stream is not None
        assert hub.find(first["stream"], OTHERS) is None, "another session reached a stream"
        before = opened["a"]
        await stream.show(["tail:a", "tail:b"])
        assert opened["a"] is before, "a topic that stays was opened anew"
        await stream.show(["tail:b"])
        assert before.closed
        assert not opened["b"].closed
        await stream.show([f"tail:{n}" for n in range(100)])
        assert sum(not source.closed for source in opened.values()) == MOST_TOPICS
    assert all(source.closed for source in opened.values())


async def test_one_failing_source_does_not_silence_the_others() -> None:
    hub = Hub(0.01, signed_in)

    async def bad(_visitor: Visitor, _parameter: str) -> LiveSource:
        return Failing()

    async def good(_visitor: Visitor, _parameter: str) -> LiveSource:
        return Counting()

    hub.offer("bad", bad)
    hub.offer("good", good)
    async with aclosing(hub.messages(MINE, ["bad", "good"])) as messages:
        _, (_, _, frame) = await some(messages, 2)
    assert frame["topics"] == {"bad": {"trouble": "RuntimeError"}, "good": {"number": 1}}


async def test_a_stream_ends_with_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_SESSION_SECONDS", 0.03)

    async def is_signed_in(_session: bytes) -> bool:
        return False

    hub = Hub(0.01, is_signed_in)
    async with asyncio.timeout(5):
        kinds = [told(message)[1] async for message in hub.messages(MINE, [])]
    assert kinds == ["stream", "signed-out"]


async def test_streams_end_with_the_process() -> None:
    hub = Hub(0.01, signed_in)
    part = asyncio.create_task(hub.end_with_process())
    await asyncio.sleep(0)
    messages = hub.messages(MINE, [])
    await anext(messages)
    part.cancel()
    await asyncio.gather(part, return_exceptions=True)
    async with asyncio.timeout(5):
        assert [message async for message in messages] == []


async def test_cells_are_sent_when_they_change() -> None:
    shown = {"a": Cell("1"), "b": Cell("–", "unknown")}
    source = CellSource(lambda: shown)
    assert source.take() == {"cells": {"a": ["1", "", "", None], "b": ["–", "unknown", "", None]}}
    assert source.take() is None
    shown["a"] = Cell("1", "warning")
    assert source.take() == {"cells": {"a": ["1", "warning", "", None]}}


def test_cells_that_all_see_alike_are_rendered_once_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("services.console.live.source.time.monotonic", lambda: now)
    cache, rendered = RenderCache(0.25), []

    def render() -> dict[str, Cell]:
        rendered.append(now)
        return {}

    for key in ("en", "en", "zh-CN"):
        cache.get(key, render)
    assert len(rendered) == 2
    now += 0.3
    cache.get("en", render)
    assert len(rendered) == 3


def test_two_pages_cannot_offer_one_name() -> None:
    hub = Hub(0.3, signed_in)

    async def opener(_visitor: Visitor, _parameter: str) -> LiveSource:
        return Counting()

    hub.offer("lag", opener)
    with pytest.raises(ValueError, match="Two pages offer"):
        hub.offer("lag", opener)
