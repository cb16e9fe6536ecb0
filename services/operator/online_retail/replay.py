"""Publishes the Online Retail file to Kafka in order of time; an interrupted replay can be resumed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from aiokafka import AIOKafkaProducer

from services.operator.online_retail.events import Conversion, Message
from services.operator.online_retail.table import fingerprint, read_invoices
from services.operator.traffic.pace import Pace
from services.operator.traffic.producer import Producer
from shared.events.kafka_binding import STRUCTURED_HEADERS

# Invoices in flight before their acknowledgements are awaited and the state file is written.
WINDOW = 500


class ReplayError(Exception):
    """The replay cannot go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`invoices` acknowledged since the file's start; `events` sent by this run, registrations included."""

    invoices: int
    events: int


async def replay(
    path: Path,
    kafka: str,
    *,
    speed: int | None = None,
    limit: int | None = None,
    state_file: Path,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Publish the first `limit` invoices (all when None) at `speed` events per second (None = full speed).

    Resumes behind the invoices `state_file` knows to be acknowledged; what a broken run sent beyond them is
    sent again, which its deterministic ids make harmless. Raises TableError, ReplayError and Kafka's errors.
    """
    state = ReplayState(state_file, await asyncio.to_thread(fingerprint, path))
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=20, max_batch_size=256 * 1024
    )
    try:
        await producer.start()
        return await publish(path, producer, pace=Pace(speed), limit=limit, state=state, progress=progress)
    finally:
        await producer.stop()


async def publish(
    path: Path,
    producer: Producer,
    *,
    pace: Pace,
    limit: int | None,
    state: ReplayState,
    progress: Callable[[Progress], None],
) -> Progress:
    """`replay` with a started producer."""
    acknowledged = state.acknowledged()
    events = 0
    done = Progress(acknowledged, 0)
    for window in _windows(_invoice_messages(path, limit), skip=acknowledged):
        pending = []
        for message in (message for messages in window for message in messages):
            await pace.turn()
            pending.append(await _send(producer, message))
        await asyncio.gather(*pending)
        acknowledged += len(window)
        events += len(pending)
        state.save(acknowledged)
        done = Progress(acknowledged, events)
        progress(done)
    return done


def _invoice_messages(path: Path, limit: int | None) -> Iterator[list[Message]]:
    conversion = Conversion()
    return map(conversion.messages, islice(read_invoices(path), limit))


def _windows(invoices: Iterator[list[Message]], skip: int) -> Iterator[list[list[Message]]]:
    # Skipped invoices are converted too, so that their customers count as registered.
    remaining: Iterable[list[Message]] = islice(invoices, skip, None)
    iterator = iter(remaining)
    while window := list(islice(iterator, WINDOW)):
        yield window


async def _send(producer: Producer, message: Message) -> Awaitable[object]:
    return await producer.send(message.topic, message.value, message.key.encode(), headers=list(STRUCTURED_HEADERS))


class ReplayState:
    """How many invoices of which file Kafka has acknowledged."""

    def __init__(self, path: Path, file_fingerprint: str) -> None:
        self._path = path
        self._fingerprint = file_fingerprint

    def acknowledged(self) -> int:
        """0 without a state file; raises ReplayError when it belongs to another file or cannot be read."""
        if not self._path.exists():
            return 0
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            known, count = stored["fingerprint"], int(stored["acknowledged"])
        except (ValueError, KeyError, TypeError) as error:
            raise ReplayError(f"{self._path} is not a replay's state: start afresh with --fresh.") from error
        if known != self._fingerprint:
            raise ReplayError(f"{self._path} belongs to another file: start afresh with --fresh.")
        return count

    def save(self, acknowledged: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = self._path.with_suffix(".new")
        state = {"fingerprint": self._fingerprint, "acknowledged": acknowledged}
        written.write_text(json.dumps(state), encoding="utf-8")
        written.replace(self._path)
