"""Traffic reaches the gateway and Kafka, each key one way and in order; a busy gateway is waited for."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import orjson
import pytest

from services.operator.traffic.pace import Pace
from services.operator.traffic.publish import (
    Counters,
    GatewayUnavailableError,
    distribute,
    goes_by_http,
    wait_seconds,
)
from services.operator.traffic.sent import Kind, Sent
from services.operator.traffic.simulate import Shares, simulate

TRAFFIC = list(
    simulate(seed=3, members=40, purchases=400, until=datetime(2026, 1, 31, tzinfo=UTC), shares=Shares(poison=50))
)


class _Producer:
    def __init__(self) -> None:
        self.records: dict[bytes, list[bytes]] = defaultdict(list)

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> Awaitable[object]:
        assert ("ce_specversion", b"1.0") in headers
        self.records[key].append(value)
        acknowledged: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        acknowledged.set_result(topic)
        return acknowledged


async def _distribute(
    traffic: list[Sent], answer: Callable[[httpx.Request], httpx.Response], http_percent: int = 50
) -> tuple[_Producer, Counters]:
    producer, counters = _Producer(), Counters()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://gateway") as client:
        await distribute(
            traffic,
            client,
            producer,
            api_keys={"fruit-shop": "key-of-the-shop"},
            http_percent=http_percent,
            pace=Pace(None),
            counters=counters,
        )
    return producer, counters


async def test_each_key_goes_one_way_and_keeps_its_order() -> None:
    by_http: dict[bytes, list[bytes]] = defaultdict(list)

    def gateway(request: httpx.Request) -> httpx.Response:
        event = orjson.loads(request.content)
        by_http[event["partitionkey"].encode()].append(orjson.dumps(event["data"]))
        assert request.url.path == "/v1/events"
        assert request.headers["authorization"] == "Bearer key-of-the-shop"
        assert request.headers["content-type"].startswith("application/cloudevents+json")
        return httpx.Response(202)

    producer, counters = await _distribute(TRAFFIC, gateway)

    expected: dict[bool, dict[bytes, list[bytes]]] = {True: defaultdict(list), False: defaultdict(list)}
    for sent in TRAFFIC:
        way = goes_by_http(sent, 50)
        data = orjson.dumps(orjson.loads(sent.data)) if way else sent.data
        expected[way][sent.key.encode()].append(data)
    assert by_http == expected[True]
    assert producer.records == expected[False]
    assert counters.sent == len(TRAFFIC) == counters.kinds.total()
    assert counters.by_http == sum(map(len, by_http.values())) > 0
    assert counters.by_kafka > 0


def test_poison_never_goes_by_http() -> None:
    assert [goes_by_http(sent, 100) for sent in TRAFFIC] == [sent.kind is not Kind.POISON for sent in TRAFFIC]


async def test_a_busy_gateway_is_asked_again_as_it_says() -> None:
    answers = iter(
        [httpx.Response(429, headers={"Retry-After": "0"}), httpx.Response(503, headers={"Retry-After": "0"})]
    )

    _, counters = await _distribute(TRAFFIC[:1], lambda _: next(answers, httpx.Response(202)), 100)

    assert (counters.retried, counters.by_http, counters.refused.total()) == (2, 1, 0)


async def test_a_gateway_that_stays_busy_ends_the_publishing() -> None:
    with pytest.raises(GatewayUnavailableError, match="readyz"):
        await _distribute(TRAFFIC[:1], lambda _: httpx.Response(503, headers={"Retry-After": "0"}), 100)


async def test_a_refusal_is_counted_and_not_repeated() -> None:
    _, counters = await _distribute(TRAFFIC[:1], lambda _: httpx.Response(422), 100)

    assert counters.refused == {422: 1}
    assert counters.retried == 0


@pytest.mark.parametrize(
    ("retry_after", "attempt", "seconds"),
    [("7", 0, 7), ("900", 0, 30), (None, 0, 1), (None, 3, 8), (None, 20, 30), ("Wed, 21 Oct 2026 07:28:00 GMT", 1, 2)],
)
def test_waiting_times(retry_after: str | None, attempt: int, seconds: int) -> None:
    assert wait_seconds(retry_after, attempt) == seconds


async def test_a_pace_without_rate_never_waits_and_one_below_1_is_refused() -> None:
    await Pace(None).turn()
    with pytest.raises(ValueError, match="at least 1"):
        Pace(0)


async def test_a_pace_spreads_its_turns() -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(100)
    started = loop.time()
    for _ in range(11):
        await pace.turn()

    assert loop.time() - started >= 0.099
