"""Sizes, content types, rates, and how much is taken on at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.events.http_binding import MAX_BATCH_BYTES
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.runtime.token_bucket import TokenBucket
from tests.unit.gateway.door import BATCH, SECOND, SLOW, STRUCTURED, Gateway, bearer, purchase


@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [
        (STRUCTURED, MAX_MESSAGE_BYTES, 422),
        (STRUCTURED, MAX_MESSAGE_BYTES + 1, 413),
        (BATCH, MAX_BATCH_BYTES, 422),
        (BATCH, MAX_BATCH_BYTES + 1, 413),
    ],
)
async def test_size_limits(content_type: str, size: int, status: int) -> None:
    assert (await Gateway().send(b" " * size, content_type=content_type)).status_code == status


async def test_a_body_of_undeclared_size_is_cut_off_too() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 65536

    gateway = Gateway()
    headers = {"Content-Type": STRUCTURED, **bearer(SLOW)}

    answer = await gateway.http.post("/v1/events", content=body(), headers=headers)

    assert answer.status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    gateway = Gateway()
    headers = {"Content-Type": STRUCTURED, **bearer(SLOW)}

    answer = await gateway.http.post("/v1/events", content=body(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (408, "BODY_TOO_SLOW")


async def test_a_batch_holds_a_thousand_events() -> None:
    gateway = Gateway()

    full = await gateway.send([purchase(f"e{number}") for number in range(1000)], content_type=BATCH)
    overfull = await gateway.send([{}] * 1001, content_type=BATCH)

    assert full.status_code == 202
    assert len(gateway.kafka.published) == 1000
    assert overfull.status_code == 429  # the key's second is used up; a fresh second shows the size
    gateway.clock.now += SECOND
    assert (await gateway.send([{}] * 1001, content_type=BATCH)).status_code == 413


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {}),
        ("application/json", {}),
        ("application/cloudevents+xml", {}),
        (f"{STRUCTURED}; charset=gb18030", {}),
        (STRUCTURED, {"Content-Encoding": "gzip"}),
    ],
)
async def test_other_content_types_are_415(content_type: str, headers: dict[str, str]) -> None:
    answer = await Gateway().send(purchase(), content_type=content_type, headers=headers)

    assert answer.status_code == 415
    assert STRUCTURED in answer.json()["detail"]


async def test_a_key_sends_no_faster_than_its_rate() -> None:
    gateway = Gateway()
    batch = [purchase(f"e{number}") for number in range(1000)]

    burst = await gateway.send(batch, key=SLOW, content_type=BATCH)
    too_fast = await gateway.send(purchase(), key=SLOW)
    gateway.clock.now += SECOND
    in_time = await gateway.send(purchase(), key=SLOW)
    other_key = await gateway.send(purchase())

    assert burst.status_code == 202
    assert (too_fast.status_code, too_fast.headers["retry-after"]) == (429, "1")
    assert in_time.status_code == 202
    assert other_key.status_code == 202


async def test_a_batch_that_waits_as_long_as_it_was_told_passes() -> None:
    """What it took before its size was known comes back: else every try would spend what it waited for."""
    gateway = Gateway()
    ten = [purchase(f"t{number}") for number in range(10)]
    await gateway.send([purchase(f"e{number}") for number in range(1000)], key=SLOW, content_type=BATCH)
    gateway.clock.now += SECOND
    refused = await gateway.send(ten, key=SLOW, content_type=BATCH)
    assert refused.status_code == 429
    gateway.clock.now += int(refused.headers["retry-after"]) * SECOND
    assert (await gateway.send(ten, key=SLOW, content_type=BATCH)).status_code == 202


def test_a_bucket_says_how_long_to_wait() -> None:
    bucket = TokenBucket.full(rate=10, burst=20, now=0)

    assert bucket.take(20, 0) == 0
    assert bucket.take(15, 0) == 2  # 1.5 s, in whole seconds
    assert bucket.take(15, SECOND) == 1
    assert bucket.take(15, 3 * SECOND // 2) == 0
    assert bucket.take(1, SECOND) == 1  # a clock that steps back gives nothing
    assert bucket.take(20, 100 * SECOND) == 0  # never more than the burst is saved up
    assert bucket.take(1, 100 * SECOND) == 1


async def test_more_requests_than_allowed_at_once_are_turned_away() -> None:
    gateway = Gateway(requests=1)
    gateway.kafka.held = asyncio.Event()
    first = asyncio.create_task(gateway.send(purchase("e1")))
    while not gateway.store.asked:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)

    turned_away = await gateway.send(purchase("e2"))
    gateway.kafka.held.set()

    assert (turned_away.status_code, turned_away.json()["code"]) == (503, "OVERLOADED")
    assert turned_away.headers["retry-after"] == "1"
    assert (await first).status_code == 202
    assert (await gateway.send(purchase("e2"))).status_code == 202


async def test_memory_is_bounded_by_declared_sizes() -> None:
    gateway = Gateway(total_bytes=8192)

    assert (await gateway.send(b" " * 9000)).status_code == 503
    assert (await gateway.send(purchase())).status_code == 202
