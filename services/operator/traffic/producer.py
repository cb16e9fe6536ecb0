"""The part of a Kafka producer that publishing needs."""

from collections.abc import Awaitable
from typing import Protocol


class Producer(Protocol):
    """As aiokafka's: `send` waits for room in the buffer, what it returns for the acknowledgement."""

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> Awaitable[object]: ...
