"""A swarm of clients over connections that lose questions and answers, with every reply in a log."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

import asyncpg
import httpx

from shared.runtime.postgres import DATABASE_AWAY
from tests.integration.redemption.harness import Redemption, Told

SEED = "GREENPOINTS_SWARM_SEED"


def drawn_seed(given: int) -> int:
    """The seed to use: the environment's, else the given one; printed, so that a failure names it."""
    seed = int(os.environ.get(SEED) or given)
    print(f"{SEED}={seed}")
    return seed


class Reply(StrEnum):
    """What a client knows after one attempt; of an unknown one it knows nothing and sends it again."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Call:
    """One request under one key, and every reply to it."""

    path: str
    body: dict[str, Any]
    key: str
    replies: list[Reply] = field(default_factory=list)
    answer: httpx.Response | None = None

    @property
    def last(self) -> Reply:
        return self.replies[-1]

    @property
    def told(self) -> dict[str, Any]:
        assert self.answer is not None
        told: dict[str, Any] = self.answer.json()
        return told


class LossyTransport(httpx.AsyncBaseTransport):
    """Loses some questions before they arrive and some answers on their way back."""

    def __init__(self, inner: httpx.AsyncBaseTransport, draw: random.Random, loss: float = 0.1) -> None:
        self._inner, self._draw, self._loss = inner, draw, loss

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fate = self._draw.random()
        if fate < self._loss:
            raise httpx.ConnectError("the question was lost")
        response = await self._inner.handle_async_request(request)
        if fate < 2 * self._loss:
            await response.aread()
            raise httpx.ReadError("the answer was lost")
        return response


@dataclass(slots=True)
class Swarm:
    """`http` is lossy; `log` holds every call in the order of their beginnings."""

    http: httpx.AsyncClient
    draw: random.Random
    log: list[Call] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def new_key(self) -> str:
        """Never given before, however many clients ask before the first of them is in the log."""
        return f"k-{next(self._numbers)}"

    async def call(self, path: str, body: dict[str, Any], key: str = "") -> Call:
        """Send it under a key of its own until the reply is known; each call has one effect or none."""
        made = Call(path, body, key or self.new_key())
        self.log.append(made)
        while not made.replies or made.last is Reply.UNKNOWN:
            assert len(made.replies) < 100, f"{made.path} never got an answer"
            made.replies.append(await self._attempt(made))
        return made

    async def _attempt(self, made: Call) -> Reply:
        try:
            made.answer = await self.http.post(made.path, json=made.body, headers={"Idempotency-Key": made.key})
        except (httpx.TransportError, *DATABASE_AWAY):
            return Reply.UNKNOWN
        if made.answer.status_code >= 500:
            return Reply.UNKNOWN
        return Reply.DONE if made.answer.is_success else Reply.REFUSED

    def counts(self) -> Counter[Reply]:
        return Counter(reply for made in self.log for reply in made.replies)


async def kill_connections(dsn: str, draw: random.Random, until: asyncio.Event) -> int:
    """Cut the service's busy connections to the database, one by one, while the swarm lasts; how many were cut."""
    killed = 0
    killer = await asyncpg.connect(dsn)
    try:
        while not until.is_set():
            killed += bool(
                await killer.fetchval(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND application_name = 'greenpoints' AND state <> 'idle' ORDER BY md5(pid::text || $1) LIMIT 1",
                    str(draw.random()),
                )
            )
            await asyncio.sleep(draw.random() / 10)
    finally:
        await killer.close()
    return killed


async def post_surely(redemption: Redemption, *told: Told) -> None:
    """As the worker does: after an unknown outcome the books say whether the batch happened."""
    topic = told[0].data.TOPIC
    start = posted = await _next_offset(redemption, topic)
    while posted < start + len(told):
        redemption.passed(topic, posted)
        try:
            await redemption.post(*told[posted - start :])
            return
        except DATABASE_AWAY:
            posted = await _next_offset(redemption, topic)
    redemption.passed(topic, posted)


async def surely(act: Callable[[], Awaitable[None]]) -> None:
    """A sweep that is cut off sweeps again."""
    while True:
        try:
            await act()
            return
        except DATABASE_AWAY:
            continue


async def _next_offset(redemption: Redemption, topic: str) -> int:
    found: list[int] = []

    async def read() -> None:
        found.append(
            await redemption.running.pool.fetchval("SELECT next_offset FROM partition_offset WHERE topic = $1", topic)
            or 0
        )

    await surely(read)
    return found[-1]
