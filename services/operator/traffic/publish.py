"""Sends simulated traffic as integrators do: over HTTP to the gateway, or straight to Kafka."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

import httpx
from aiokafka import AIOKafkaProducer

from services.operator.traffic.pace import Pace
from services.operator.traffic.producer import Producer
from services.operator.traffic.sent import Kind, Sent
from shared.events.kafka_binding import CONTENT_TYPE
from shared.runtime.trusted import trusted

WORKERS = 8
_ATTEMPTS = 8
_LONGEST_WAIT = 30  # seconds
_BUSY = (429, 503)


@dataclass(slots=True)
class Counters:
    """What has been sent so far, for a live display; `refused` counts by HTTP status."""

    by_http: int = 0
    by_kafka: int = 0
    retried: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.by_http + self.by_kafka


class GatewayUnavailableError(Exception):
    """The gateway did not take an event in several attempts."""


async def publish(
    traffic: Iterable[Sent],
    *,
    kafka: str,
    gateway: str,
    api_keys: Mapping[str, str],
    http_percent: int = 50,
    events_per_second: int | None = None,
    counters: Counters | None = None,
) -> Counters:
    """Send everything; returns when each event is acknowledged by Kafka or answered by the gateway.

    About `http_percent` of the keys go through `gateway` (its base address), all their events in order; the
    rest and every poison message go to Kafka in binary mode. `api_keys` has one key per program. Raises
    GatewayUnavailableError, httpx.HTTPError and Kafka's errors.
    """
    counters = counters or Counters()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=5)
    try:
        await producer.start()
        async with httpx.AsyncClient(base_url=gateway, timeout=30, verify=trusted([gateway])) as client:
            await distribute(
                traffic,
                client,
                producer,
                api_keys=api_keys,
                http_percent=http_percent,
                pace=Pace(events_per_second),
                counters=counters,
            )
    finally:
        await producer.stop()
    return counters


def goes_by_http(sent: Sent, http_percent: int) -> bool:
    """One key, one way: otherwise a refund could overtake its purchase."""
    return sent.kind is not Kind.POISON and crc32(sent.key.encode()) % 100 < http_percent


async def distribute(
    traffic: Iterable[Sent],
    client: httpx.AsyncClient,
    producer: Producer,
    *,
    api_keys: Mapping[str, str],
    http_percent: int,
    pace: Pace,
    counters: Counters,
) -> None:
    """`publish` with a client and a started producer.

    Each key has one sender, so its events stay in order while keys travel side by side.
    """
    senders = [_Sender(client, producer, api_keys, http_percent, counters) for _ in range(WORKERS)]
    try:
        async with asyncio.TaskGroup() as tasks:
            for sender in senders:
                tasks.create_task(sender.run())
            for sent in traffic:
                await pace.turn()
                await senders[crc32(sent.key.encode()) // 100 % len(senders)].queue.put(sent)
            for sender in senders:
                await sender.queue.put(None)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


class _Sender:
    def __init__(
        self,
        client: httpx.AsyncClient,
        producer: Producer,
        api_keys: Mapping[str, str],
        http_percent: int,
        counters: Counters,
    ) -> None:
        self.queue: asyncio.Queue[Sent | None] = asyncio.Queue(maxsize=100)
        self._client = client
        self._producer = producer
        self._api_keys = api_keys
        self._http_percent = http_percent
        self._counters = counters

    async def run(self) -> None:
        """Send what the queue holds until None comes."""
        pending: list[Awaitable[object]] = []
        while (sent := await self.queue.get()) is not None:
            if goes_by_http(sent, self._http_percent):
                await self._by_http(sent)
                self._counters.by_http += 1
            else:
                pending.append(await self._by_kafka(sent))
                self._counters.by_kafka += 1
            self._counters.kinds[sent.kind] += 1
            if len(pending) >= 1000:
                await asyncio.gather(*pending)
                pending.clear()
        await asyncio.gather(*pending)

    async def _by_kafka(self, sent: Sent) -> Awaitable[object]:
        return await self._producer.send(sent.topic, sent.data, sent.key.encode(), headers=sent.binary_headers())

    async def _by_http(self, sent: Sent) -> None:
        headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {self._api_keys[sent.program_id]}"}
        for attempt in range(_ATTEMPTS):
            response = await self._client.post("/v1/events", content=sent.structured(), headers=headers)
            if response.status_code not in _BUSY:
                if not response.is_success:
                    self._counters.refused[response.status_code] += 1
                return
            self._counters.retried += 1
            await asyncio.sleep(wait_seconds(response.headers.get("Retry-After"), attempt))
        raise GatewayUnavailableError(
            f"The gateway asked to wait {_ATTEMPTS} times for event {sent.attributes['id']}; "
            "look at its /readyz, then send the traffic again."
        )


def wait_seconds(retry_after: str | None, attempt: int) -> int:
    """What Retry-After asks for in seconds, else 1, 2, 4 …; never longer than half a minute.

    The header's other form, a date, counts as absent: our gateway does not use it.
    """
    if retry_after is not None and retry_after.strip().isdecimal():
        return min(int(retry_after), _LONGEST_WAIT)
    return int(min(2**attempt, _LONGEST_WAIT))
