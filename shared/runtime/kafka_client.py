"""Ending a Kafka client, in whatever state it is."""

import asyncio
from typing import Protocol


class KafkaClient(Protocol):
    """A consumer or producer of aiokafka."""

    async def stop(self) -> None: ...


async def end_client(client: KafkaClient, seconds: float = 10) -> bool:
    """Stop it, and leave it after `seconds`. Whatever it raises is its own affair: it is not used any more.

    When a broker went away, `stop` may raise the cancellation of a task of the client's own. Raised here, it would
    look like ours, and end in silence what was to go on with a new client. Returns whether it stopped in peace.
    """
    stopping = asyncio.ensure_future(client.stop())
    try:
        await asyncio.wait({stopping}, timeout=seconds)
    finally:
        stopping.cancel()
    return stopping.done() and not stopping.cancelled() and stopping.exception() is None
