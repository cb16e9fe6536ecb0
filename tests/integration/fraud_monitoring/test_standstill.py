"""When fraud monitoring calls a partition stuck: only when a record lies there that nothing acknowledges."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP

from services.fraud_monitoring import standstill
from services.fraud_monitoring.faust_app import FraudApp
from services.fraud_monitoring.standstill import StandstillError, watch_progress
from tests.infrastructure.services import eventually, producer

TOPIC = "pos.purchases.v1"
GROUP = "standstill-tests"
_PATIENCE = 1.5


class _Consumer:
    """As much of Faust's consumer as is looked at; `done` is what it has committed."""

    def __init__(self, done: int, end: int) -> None:
        self.unfinished = SimpleNamespace(committed={TP(TOPIC, 0): done})
        self.end = end

    def assignment(self) -> set[TP]:
        return {TP(TOPIC, 0)}

    def _is_changelog_tp(self, _: TP) -> bool:
        return False

    async def highwaters(self, *places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, self.end)


def _app(consumer: _Consumer) -> FraudApp:
    whole: Any = SimpleNamespace(
        consumer=consumer, rebalancing=False, tables=SimpleNamespace(actives_ready=True), conf=SimpleNamespace(id=GROUP)
    )
    return cast(FraudApp, whole)


async def _watched(kafka: str, consumer: _Consumer, *, busy: bool = False, seconds: float = 6) -> None:
    async with asyncio.timeout(seconds):
        await watch_progress(_app(consumer), kafka, _PATIENCE, lambda: busy)


async def test_a_record_that_nothing_acknowledges_is_a_standstill(fresh_topics: str) -> None:
    async with producer(fresh_topics) as till:
        await till.send_and_wait(TOPIC, b"{}", key=b"k", partition=0)
    with pytest.raises(StandstillError, match=r"pos\.purchases\.v1/0"):
        await _watched(fresh_topics, _Consumer(0, 1), seconds=30)


async def test_the_end_of_a_transaction_is_no_record(
    fresh_topics: str, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = AIOKafkaProducer(bootstrap_servers=fresh_topics, transactional_id=f"till-{unique}")
    await till.start()
    try:
        async with till.transaction():
            await till.send_and_wait(TOPIC, b"{}", key=b"k", partition=0)
    finally:
        await till.stop()
    looked: list[dict[str, int]] = []
    unread = standstill._unread

    async def look(kafka: str, places: dict[TP, int], group: str) -> dict[str, int]:
        looked.append(await unread(kafka, places, group))
        return looked[-1]

    monkeypatch.setattr(standstill, "_unread", look)
    watching = asyncio.create_task(watch_progress(_app(_Consumer(1, 2)), fresh_topics, _PATIENCE, lambda: False))
    try:

        async def judged() -> bool:
            return len(looked) > 1 or watching.done()  # at its second look the watch has judged the first

        await eventually("second look", judged)
        assert not watching.done()
    finally:
        watching.cancel()


async def test_who_is_busy_or_moves_does_not_stand_still(fresh_topics: str) -> None:
    async with producer(fresh_topics) as till:
        for _ in range(20):
            await till.send_and_wait(TOPIC, b"{}", key=b"k", partition=0)
    with pytest.raises(TimeoutError):
        await _watched(fresh_topics, _Consumer(0, 20), busy=True)
    moving = _Consumer(0, 20)

    async def move() -> None:
        while True:
            await asyncio.sleep(0.5)
            moving.unfinished.committed[TP(TOPIC, 0)] += 1

    mover = asyncio.create_task(move())
    try:
        with pytest.raises(TimeoutError):
            await _watched(fresh_topics, moving)
    finally:
        mover.cancel()
