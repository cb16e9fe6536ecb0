"""Faust's consumer with its places kept by us: what was fetched before a seek is never handed on after it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from services.fraud_monitoring.faust_app import FraudApp
from services.fraud_monitoring.reading import Consumer, _Thread
from shared.runtime.settings import Settings

PLACE = TP("pos.purchases.v1", 0)
GENERATION = 3


def _record(offset: int) -> Any:
    return SimpleNamespace(
        topic=PLACE.topic,
        partition=PLACE.partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        headers=(),
        key=b"k",
        value=b"{}",
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=2,
    )


@dataclass
class _Kafka:
    """The consumer's thread: each fetch waits for what the test lets it bring."""

    committed: int = 100
    refusals: int = 0
    seeks: int = 0
    fetching: asyncio.Event = field(default_factory=asyncio.Event)
    brings: asyncio.Queue[list[int]] = field(default_factory=asyncio.Queue)
    amid_seek: Callable[[], object] = lambda: None

    def assignment(self) -> set[TP]:
        return {PLACE}

    async def getmany(self, _: object, timeout: float) -> dict[TP, list[Any]]:  # noqa: ASYNC109 - Faust's
        self.fetching.set()
        with contextlib.suppress(TimeoutError):
            return {PLACE: [_record(offset) for offset in await asyncio.wait_for(self.brings.get(), timeout)]}
        return {}

    async def seek_to_done(self, _: object) -> dict[TP, int]:
        self.seeks += 1
        self.amid_seek()
        if self.refusals:
            self.refusals -= 1
            raise KafkaConnectionError("away")
        return {PLACE: self.committed}


@dataclass
class _Reading:
    consumer: Consumer
    kafka: _Kafka
    delivered: list[Any]
    room: asyncio.Event

    def offsets(self) -> list[int]:
        return [message.offset for message in self.delivered]

    async def until(self, *offsets: int) -> None:
        async with asyncio.timeout(5):
            while self.offsets() != list(offsets):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def _reading(store: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Reading]:
    monkeypatch.setattr("services.fraud_monitoring.reading._PAUSE_SECONDS", 0.01)
    app = FraudApp("fraud_monitoring", Settings(kafka="unused:9092", database="unused", environment="test"), store)
    consumer, kafka = cast(Consumer, app.consumer), _Kafka()
    delivered: list[Any] = []
    room = asyncio.Event()
    room.set()

    async def deliver(message: Any) -> None:
        delivered.append(message)
        await room.wait()

    monkeypatch.setattr(Consumer, "_own_thread", kafka)
    consumer._thread = cast(_Thread, kafka)
    consumer.callback = deliver
    app.consumer_generation_id = GENERATION
    consumer._set_active_tps({PLACE})
    consumer.resume_flow()
    drain = asyncio.create_task(consumer._drain_messages(cast(Any, SimpleNamespace(should_stop=False))))
    try:
        yield _Reading(consumer, kafka, delivered, room)
    finally:
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)


async def test_what_was_fetched_before_the_seek_is_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _reading(tmp_path, monkeypatch) as reading:
        await reading.kafka.fetching.wait()
        going_on = asyncio.create_task(reading.consumer.go_on(GENERATION))
        await asyncio.sleep(0.05)
        assert reading.kafka.seeks == 0, "a seek beside a fetch that is under way"
        reading.kafka.brings.put_nowait([200, 201])
        assert await going_on
        reading.kafka.brings.put_nowait([100, 101])
        await reading.until(100, 101)


async def test_what_is_being_handed_on_amid_a_rebalance_stops_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _reading(tmp_path, monkeypatch) as reading:
        assert await reading.consumer.go_on(GENERATION)
        reading.room.clear()
        reading.kafka.brings.put_nowait([100, 101, 102])
        await reading.until(100)
        reading.consumer._close()  # revoked
        assert await reading.consumer.go_on(GENERATION)
        reading.room.set()
        reading.kafka.brings.put_nowait([100])
        await reading.until(100, 100)


async def test_nothing_is_committed_past_what_was_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _reading(tmp_path, monkeypatch) as reading:
        assert await reading.consumer.go_on(GENERATION)
        reading.kafka.brings.put_nowait([100, 101, 102])
        await reading.until(100, 101, 102)
        first, _, last = reading.delivered
        for message in (first, last):
            reading.consumer.ack(message)
        assert reading.consumer.unfinished.done() == {PLACE: 101}


async def test_after_a_rebalance_nothing_is_handed_on_before_its_seek(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _reading(tmp_path, monkeypatch) as reading:
        assert await reading.consumer.go_on(GENERATION)
        reading.consumer._close()  # revoked
        for offsets in ([300], [301]):
            reading.kafka.brings.put_nowait(offsets)
        async with asyncio.timeout(5):
            while not reading.kafka.brings.empty():
                await asyncio.sleep(0.01)
        assert reading.offsets() == []
        assert await reading.consumer.go_on(GENERATION)
        reading.kafka.brings.put_nowait([100])
        await reading.until(100)


async def test_a_rebalance_amid_the_seek_leaves_it_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _reading(tmp_path, monkeypatch) as reading:
        reading.kafka.amid_seek = reading.consumer._close
        assert not await reading.consumer.go_on(GENERATION)
        assert not await reading.consumer.go_on(GENERATION - 1), "an older generation than the worker's"
        reading.kafka.brings.put_nowait([100])
        await asyncio.sleep(0.1)
        assert reading.offsets() == []


async def test_while_kafka_does_not_tell_places_it_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _reading(tmp_path, monkeypatch) as reading:
        reading.kafka.refusals = 2
        assert await reading.consumer.go_on(GENERATION)
        assert reading.kafka.seeks == 3


async def test_where_nothing_is_committed_it_goes_to_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka's own seek_to_committed() leaves such a partition where it is: ahead, of what was read and dropped."""
    sought: dict[Any, int] = {}
    other = TP(PLACE.topic, 1)

    class _Client:
        async def committed(self, place: Any) -> int | None:
            return None if place == PLACE else 70

        async def beginning_offsets(self, places: list[Any]) -> dict[Any, int]:
            return dict.fromkeys(places, 4)

        def seek(self, place: Any, offset: int) -> None:
            sought[place] = offset

    app = FraudApp("fraud_monitoring", Settings(kafka="unused:9092", database="unused", environment="test"), tmp_path)
    thread = cast(Consumer, app.consumer)._own_thread
    monkeypatch.setattr(thread, "_ensure_consumer", _Client)
    assert await thread._seek_to_done([PLACE, other]) == {PLACE: 4, other: 70} == sought
