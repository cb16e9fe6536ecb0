"""Several processes answer at one port, each at its own as well; the kernel deals the connections."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deploy.local.ports import free_port
from shared.runtime.process import serve_http
from shared.runtime.settings import Settings
from tests.infrastructure.services import eventually


@asynccontextmanager
async def serving(name: str, own: int, shared: int) -> AsyncIterator[asyncio.Task[None]]:
    """What a process does for its HTTP, as a task."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(name)(scope, receive, send)

    settings = Settings(kafka="unused", database="unused", http_port=own, http_shared_port=shared)
    task = asyncio.create_task(serve_http(app, settings))

    async def answers() -> bool:
        return task.done() or await _listens(own)

    await eventually(f"answer of {name}", answers, seconds=10, pause=0.01)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def asked(port: int, connections: int) -> Counter[str]:
    """Who answered, one connection a question."""
    told: Counter[str] = Counter()
    for _ in range(connections):
        async with httpx.AsyncClient(trust_env=False) as client:
            told[(await client.get(f"http://127.0.0.1:{port}/")).text] += 1
    return told


async def test_all_answer_and_one_may_go() -> None:
    first, second, shared = free_port(), free_port(), free_port()
    async with serving("one", first, shared):
        async with serving("two", second, shared):
            assert await asked(first, 2) == {"one": 2}
            assert await asked(second, 2) == {"two": 2}
            # by chance all 60 go to one of two: 2 in 2**60
            assert set(await asked(shared, 60)) == {"one", "two"}
        assert await asked(shared, 10) == {"one": 10}


async def test_a_port_of_its_own_is_nobody_elses() -> None:
    own, shared = free_port(), free_port()
    async with serving("one", own, shared), serving("two", own, shared) as second:
        with pytest.raises(OSError, match="in use"):
            await asyncio.wait_for(second, 10)
