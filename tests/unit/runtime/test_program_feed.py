"""A version that was read is entered, whoever is stopped amid it: none is passed over."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.program_published import ProgramPublished
from shared.programs.versions import ProgramBook
from shared.runtime.program_feed import TOPIC, ProgramFeed
from tests.unit.earning.builders import pack

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _record(offset: int) -> "ConsumerRecord[bytes, bytes]":
    terms = pack(program_id=f"shop-{offset}")
    data = ProgramPublished(
        program_id=terms.program_id,
        version=terms.version,
        published_at=_NOW,
        effective_at=terms.effective_at,
        pack=terms.model_dump(mode="json", by_alias=True),
    )
    value = encode(f"v{offset}", "/operator", data.TYPE, None, _NOW, f"{terms.program_id}/1", data)
    return ConsumerRecord(
        topic=TOPIC, partition=0, offset=offset, timestamp=int(_NOW.timestamp() * 1000), timestamp_type=1, key=b"k",
        value=value, checksum=None, serialized_key_size=1, serialized_value_size=len(value), headers=STRUCTURED_HEADERS,
    )  # fmt: skip


class _Consumer:
    """As aiokafka: what was handed out is passed."""

    def __init__(self, *records: "ConsumerRecord[bytes, bytes]") -> None:
        self.records, self.place = records, 0

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, len(self.records))

    async def position(self, _place: TopicPartition) -> int:
        return self.place

    async def getmany(self, place: TopicPartition, timeout_ms: int) -> dict[TopicPartition, Any]:
        handed, self.place = self.records[self.place :], len(self.records)
        return {place: list(handed)}

    def seek(self, _place: TopicPartition, offset: int) -> None:
        self.place = offset


class _Pool:
    """A database that is as `state` says."""

    def __init__(self, state: Callable[[], None]) -> None:
        self._state = state

    def acquire(self) -> "_Pool":
        return self

    def transaction(self) -> "_Pool":
        return self

    async def __aenter__(self) -> "_Pool":
        self._state()
        return self

    async def __aexit__(self, *_: object) -> bool:
        return False

    async def execute(self, *_: object) -> None:
        """Kept."""


def _feed(state: Callable[[], None]) -> tuple[ProgramFeed, Any]:
    running: Any = SimpleNamespace(programs=ProgramBook(), pool=_Pool(state))
    feed = ProgramFeed.__new__(ProgramFeed)  # without a client of Kafka
    feed._running, feed._adopt, feed._reading, feed._caught_up_at = running, None, asyncio.Lock(), 0.0
    feed._consumer = _Consumer(_record(0), _record(1))
    return feed, running


@pytest.mark.parametrize("trouble", [OSError("away"), RuntimeError("the login was refused")])
async def test_who_is_stopped_while_a_version_is_kept_leaves_it_to_be_read_again(trouble: Exception) -> None:
    begun, healthy = asyncio.Event(), [False]

    def state() -> None:
        begun.set()
        if not healthy[0]:
            raise trouble

    feed, running = _feed(state)
    slot = asyncio.create_task(feed.read_to_end())
    await begun.wait()
    slot.cancel()
    await asyncio.gather(slot, return_exceptions=True)
    healthy[0] = True
    await feed.read_to_end()
    assert [running.programs.knows(f"shop-{offset}") for offset in (0, 1)] == [True, True]
