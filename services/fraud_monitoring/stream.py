"""The running stream: Faust reads, a handler changes windows, the flusher makes it durable.

One agent for all input topics (each event once, one after the other), one for purchases by device. Concurrency is 1
everywhere: Faust may commit past an event that another task still works on.
"""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import structlog
from faust.types import EventT, StreamT

from services.fraud_monitoring import metrics
from services.fraud_monitoring.desk import Desk
from services.fraud_monitoring.domain.device_seen import DeviceSeen, device_key
from services.fraud_monitoring.faust_app import DEVICES, FraudApp, all_tables
from services.fraud_monitoring.flush import Flusher, Handled, failed_letter
from services.fraud_monitoring.handlers.on_device_seen import on_device_seen
from services.fraud_monitoring.settings import FraudSettings
from services.fraud_monitoring.shelves import Shelves
from services.fraud_monitoring.standstill import watch_progress
from shared.events.cloudevent import Rejected
from shared.events.event import EventData
from shared.events.reason_codes import ReasonCode
from shared.events.topics import load_internal_topics
from shared.runtime import crash_points, readable_records, telemetry
from shared.runtime.batch import FUTURE_TOLERANCE, DeadLetter, Delivered, Fate, read_record
from shared.runtime.partitioner import partition_of
from shared.runtime.program_feed import ProgramFeed
from shared.runtime.service import Running
from shared.runtime.worker import WorkerStoppedError

log = structlog.get_logger()

Handlers = Mapping[type[EventData], Callable[[Delivered, Desk], Fate]]
_STOP_SECONDS, _FINISH_SECONDS = 8.0, 3.0
_READABLE_SECONDS = 20.0
_STANDSTILL_SECONDS = 30.0
_encode = msgspec.msgpack.Encoder().encode
_decode_sighting = msgspec.msgpack.Decoder(DeviceSeen).decode


class MisassignedError(WorkerStoppedError):
    """Partition numbers differ between topics: a window and its events would lie with different workers."""


async def run_stream(
    name: str, topics: Sequence[str], handlers: Handlers, settings: FraudSettings, running: Running, feed: ProgramFeed
) -> None:
    """Until cancelled; raises when going on would be wrong. Faust's parts may die quietly: that ends the process."""
    readable_records.install()
    with _store_dir(name, settings, running.settings.ordinal) as store_dir:
        app = FraudApp(name, running.settings, store_dir)
        stream = Stream(app, handlers, settings, running, feed)
        stream.attach(topics)
        expected = (*topics, DEVICES)  # not the changelogs: a worker also follows those of the others
        progress = watch_progress(app, running.settings.kafka, _STANDSTILL_SECONDS, lambda: stream.flusher.is_busy)
        running_parts = (stream.flusher.run(), _run(app), _keep_readable(), _watch(app, expected), progress)
        parts = [asyncio.create_task(part) for part in running_parts]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        except MisassignedError:
            await _stop(app)
            await asyncio.sleep(2 * running.settings.session_milliseconds / 1000)  # until Kafka has forgotten it
            raise
        finally:
            await stream.finish()
            await _stop(app)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)


class Stream:
    """What the agents do with an event."""

    def __init__(
        self, app: FraudApp, handlers: Handlers, settings: FraudSettings, running: Running, feed: ProgramFeed
    ) -> None:
        self._app = app
        self._limits = settings.limits
        self._running = running
        self._feed = feed
        self._finishing = False
        self._by_type = {model.TYPE: handler for model, handler in handlers.items()}
        tables = all_tables(app)
        self._shelves = Shelves(lambda name: cast("dict[bytes, bytes]", tables[name]))
        self._devices = app.topic(DEVICES, key_type=bytes, value_type=bytes, allow_empty=True)
        self._device_partitions = load_internal_topics()[DEVICES].partitions
        # under a shifted clock (tests, demo) our own services' due instants run ahead of Kafka's clock
        self._tolerance = FUTURE_TOLERANCE + timedelta(seconds=running.settings.clock_shift_seconds)
        self.flusher = Flusher(
            app.conf.id, running.pool, timedelta(hours=settings.limits.review_hours), app.take_pending
        )

    def attach(self, topics: Sequence[str]) -> None:
        """One agent reads all that comes in, one the repartition topic."""
        incoming = self._app.topic(*topics, key_type=bytes, value_type=bytes, allow_empty=True)
        self._app.agent(incoming, name="incoming", concurrency=1)(self._read_incoming)
        self._app.agent(self._devices, name="devices", concurrency=1)(self._read_sightings)

    async def finish(self) -> None:
        """Handle nothing more, and make durable what was handled, if that can be done soon."""
        self._finishing = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.flusher.emptied(), _FINISH_SECONDS)

    async def _read_incoming(self, stream: StreamT[bytes]) -> None:
        stream.enable_acks = False  # the flusher acknowledges
        async for event in stream.events():
            await self._unless_finishing()
            crash_points.reach("after_poll")
            delivered = _delivered(event)
            await self._know_program(delivered)
            handled = self._handle(event, delivered)
            crash_points.reach("after_decode")
            await self.flusher.take(handled)

    async def _read_sightings(self, stream: StreamT[bytes]) -> None:
        stream.enable_acks = False
        async for event in stream.events():
            await self._unless_finishing()
            desk = Desk(self._shelves, self._limits)
            try:
                on_device_seen(_decode_sighting(event.message.value or b""), desk)
            except msgspec.DecodeError:  # our own words: nobody else writes there
                log.exception("sighting unreadable, left out", offset=event.message.offset)
            await self.flusher.take(Handled(event.ack, None, desk.findings))

    async def _unless_finishing(self) -> None:
        """An agent that ended would be started again: it waits here until Faust ends it."""
        if self._finishing:
            await asyncio.Event().wait()

    async def _know_program(self, delivered: Delivered) -> None:
        """A program may have been published a moment ago; only then is it worth reading the broadcast again."""
        await self._feed.wait_until_fresh()
        program_id = None if delivered.event is None else getattr(delivered.event.data, "program_id", None)
        if program_id is not None and not self._running.programs.knows(program_id):
            await self._feed.read_to_end()

    def _handle(self, event: EventT[bytes], delivered: Delivered) -> Handled:
        """Never raises: an agent that does leaves its event behind unread."""
        desk = Desk(self._shelves, self._limits)
        try:
            fate = self._fate(delivered, desk)
        except Rejected as rejected:
            return self._dead(
                event, DeadLetter(delivered, rejected.code, rejected.message, "Rejected", rejected.fields)
            )
        except Exception as error:
            log.exception("handler failed", topic=delivered.topic, offset=delivered.offset)
            return self._dead(event, failed_letter(delivered, error))
        telemetry.EVENTS.labels(self._app.conf.id, delivered.topic, fate.value).inc()
        for sighted in desk.sightings:
            self._send(sighted)
        return Handled(event.ack, delivered, desk.findings, desk.held)

    def _fate(self, delivered: Delivered, desk: Desk) -> Fate:
        event = delivered.event
        if event is None:
            raise delivered.rejection or Rejected(ReasonCode.MALFORMED, "The record could not be read.", ())
        if event.time > delivered.arrival + self._tolerance:
            raise Rejected(
                ReasonCode.EVENT_IN_FUTURE,
                f"The event's time {event.time.isoformat()} is more than 10 minutes after its arrival "
                f"{delivered.arrival.isoformat()}; set the till's clock and send it again.",
                (),
            )
        program_id = getattr(event.data, "program_id", None)
        if program_id is not None and not self._running.programs.knows(program_id):
            raise Rejected(
                ReasonCode.UNKNOWN_PROGRAM,
                f"No program {program_id} was published; publish it, then replay this event.",
                (),
            )
        handler = self._by_type.get(event.type)
        return Fate.IGNORED if handler is None else handler(delivered, desk)

    def _dead(self, event: EventT[bytes], letter: DeadLetter) -> Handled:
        telemetry.EVENTS.labels(self._app.conf.id, letter.delivered.topic, Fate.DEAD_LETTERED.value).inc()
        return Handled(event.ack, letter.delivered, letter=letter)

    def _send(self, sighted: DeviceSeen) -> None:
        key = device_key(sighted.program_id, sighted.device).encode()
        self._app.pending.append(
            self._devices.send_soon(
                key=key, value=_encode(sighted), partition=partition_of(key, self._device_partitions)
            )
        )


def _delivered(event: EventT[bytes]) -> Delivered:
    """The record as the shared runtime reads it; Faust keeps seconds where Kafka counts milliseconds."""
    message = event.message
    record = SimpleNamespace(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
        timestamp=round((message.timestamp or 0) * 1000),
    )
    return read_record(cast("Any", record))


@contextlib.contextmanager
def _store_dir(name: str, settings: FraudSettings, ordinal: int) -> Iterator[Path]:
    if settings.store_dir is not None:
        own = settings.store_dir.absolute() / str(ordinal)
        own.mkdir(parents=True, exist_ok=True)
        yield own
        return
    folder = Path(tempfile.mkdtemp(prefix=f"greenpoints-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _stop(app: FraudApp) -> None:
    """Faust may need long to stop, and is left then."""
    with contextlib.suppress(Exception, asyncio.CancelledError):
        await asyncio.wait_for(app.stop(), _STOP_SECONDS)


async def _run(app: FraudApp) -> None:
    """Faust ends only by failing: whatever made it crash is said, and the process ends."""
    await app.start()
    await app.wait_until_stopped()
    reason = app.crash_reason
    raise WorkerStoppedError(
        f"Its Faust application stopped ({reason!r}); the log says more. Start it again: it goes on where it was."
    )


async def _keep_readable() -> None:
    """Header names that are not UTF-8 would end Faust's consumer: batches are made readable all the time."""
    while True:
        readable_records.switch_on()
        await asyncio.sleep(_READABLE_SECONDS)


def _refuse_other_places(app: FraudApp, topics: Sequence[str]) -> None:
    """A release with other topics gets the old assignment back while Kafka still knows the old member."""
    numbers: dict[str, frozenset[int]] = dict.fromkeys(topics, frozenset())
    for place in app.consumer.assignment():
        numbers[place.topic] = numbers.get(place.topic, frozenset()) | {place.partition}
    if len({numbers[topic] for topic in topics}) > 1:
        odd = {topic: sorted(numbers[topic]) for topic in topics}
        raise MisassignedError(
            f"fraud_monitoring was given different partition numbers of its topics ({odd}); stop all workers of this "
            "service, then start them on one release."
        )


async def _watch(app: FraudApp, topics: Sequence[str]) -> None:
    """How long a start or rebalance keeps events waiting, for the operator; and what came of it."""
    since: float | None = time.monotonic()
    while True:
        ready = app.tables.actives_ready and not app.rebalancing
        metrics.READY.set(1 if ready else 0)
        if ready and since is not None:
            _refuse_other_places(app, topics)
            metrics.RECOVERY_SECONDS.set(time.monotonic() - since)
            log.info("stream ready", seconds=round(time.monotonic() - since, 2))
            since = None
        elif not ready and since is None:
            since = time.monotonic()
        await asyncio.sleep(0.1)
