"""Events to Kafka, acknowledged or refused within a bounded time.

An idempotent aiokafka producer never gives a record up: while the broker is away it retries for ever. So the
bound is ours: we stop waiting, answer 503, and the record may still arrive once Kafka is back. Repeating it is
harmless, because consumers deduplicate on (source, id).
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from services.gateway.domain.accepted import Record
from services.gateway.metrics import KAFKA_ANSWERS, PUBLISH_SECONDS, PUBLISHED
from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.runtime.kafka_client import end_client

log = structlog.get_logger()

_MAX_REQUEST_BYTES = 2 * 1024 * 1024  # the topics' max.message.bytes
_PROBE_SECONDS = 1
# All brokers known so far may have moved; only a new producer asks the bootstrap servers again.
_START_OVER_AFTER_SECONDS = 30


class KafkaAwayError(Exception):
    """Kafka did not acknowledge in time; what was sent may or may not have been published."""


class Publishes(Protocol):
    """What the HTTP side needs of a publisher."""

    async def publish(self, records: Sequence[Record]) -> None: ...


class Publisher:
    """One producer that is watched, and replaced when it can no longer be used."""

    def __init__(self, bootstrap: str, *, delivery_seconds: float = 5) -> None:
        self._bootstrap = bootstrap
        self._delivery_seconds = delivery_seconds
        self._producer: AIOKafkaProducer | None = None
        self._answering = False
        self._unusable = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connect in the background, at once or whenever Kafka comes; disconnect at the end."""
        keeper = asyncio.create_task(self._keep_connected())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    @property
    def answering(self) -> bool:
        """Whether Kafka answered when last asked, about a second ago."""
        return self._producer is not None and self._answering

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when Kafka acknowledged every record. Raises KafkaAwayError within the delivery time."""
        if not records:
            return
        producer = self._producer
        if producer is None or not self._answering:
            raise KafkaAwayError("Kafka does not answer.")
        with PUBLISH_SECONDS.time():
            try:
                async with asyncio.timeout(self._delivery_seconds):
                    sent = [await _send(producer, record) for record in records]
                    await asyncio.wait(sent)
            except (KafkaError, TimeoutError) as error:
                self._judge(error)
                raise KafkaAwayError("Kafka did not acknowledge in time.") from error
        for future in sent:
            if (failure := future.exception()) is not None:
                self._judge(failure)
                raise KafkaAwayError("Kafka did not take an event.") from failure
        for topic, count in Counter(record.topic for record in records).items():
            PUBLISHED.labels(topic).inc(count)

    def _judge(self, error: BaseException) -> None:
        """After an error that no retry mends (a lost sequence, a fenced id), only a new producer helps."""
        if isinstance(error, KafkaError) and not error.retriable:
            self._unusable.set()

    async def _keep_connected(self) -> None:
        pause = 0.1
        told = False
        while True:
            self._unusable.clear()
            producer = _new_producer(self._bootstrap)
            try:
                await asyncio.wait_for(producer.start(), 10)
                self._producer = producer
                pause, told = 0.1, False
                await self._watch(producer)
                log.warning("producer is replaced")
            except Exception as error:  # whatever keeps us from Kafka, the way out is another try
                if not told:
                    log.warning("no way to kafka, trying again", error=error)
                told = True
            finally:
                self._producer = None
                self._says(answering=False)
                await _discard(producer)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Ask Kafka about itself every second; returns when this producer should be replaced."""
        clock = asyncio.get_running_loop().time
        answered_at = clock()
        while clock() - answered_at < _START_OVER_AFTER_SECONDS:
            answering = await _answers(producer)
            self._says(answering=answering)
            if answering:
                answered_at = clock()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._unusable.wait(), _PROBE_SECONDS)
                return

    def _says(self, *, answering: bool) -> None:
        if answering != self._answering:
            log.info("kafka answers" if answering else "kafka is away")
        self._answering = answering
        KAFKA_ANSWERS.set(answering)


def _new_producer(bootstrap: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        request_timeout_ms=4000,
        max_request_size=_MAX_REQUEST_BYTES,
    )


async def _send(producer: AIOKafkaProducer, record: Record) -> "asyncio.Future[RecordMetadata]":
    future: asyncio.Future[RecordMetadata] = await producer.send(
        record.topic, record.value, key=record.key, headers=list(STRUCTURED_HEADERS)
    )
    future.add_done_callback(_look_at_outcome)
    return future


def _look_at_outcome(future: "asyncio.Future[RecordMetadata]") -> None:
    """A record that fails after we stopped waiting is no news to anybody: its sender has had a 503."""
    if not future.cancelled():
        future.exception()


async def _answers(producer: AIOKafkaProducer) -> bool:
    try:
        async with asyncio.timeout(3):
            return bool(await producer.client.force_metadata_update())
    except (KafkaError, OSError, TimeoutError):
        return False


async def _discard(producer: AIOKafkaProducer) -> None:
    """Stop a producer, by force when its records cannot leave it."""
    if not await end_client(producer, 3):
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer._sender.close(), 3)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.client.close(), 3)
