"""One batch through load → decide → save, with every way in which it may have to be done again."""

import asyncio
import random
from datetime import timedelta
from typing import Generic

import asyncpg
import structlog

from shared.events.cloudevent import Rejected
from shared.events.reason_codes import ReasonCode
from shared.runtime import crash_points, journey, telemetry
from shared.runtime.batch import FUTURE_TOLERANCE, Batch, DeadLetter, Delivered, DeskT, Fate
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.gate import GateShutError
from shared.runtime.ledger import Postings
from shared.runtime.postgres import CLAIM_LOST, CONNECTION_LOST, Connection
from shared.runtime.service import DecideAgainError, Prepare, Running, Service

log = structlog.get_logger()

_TRIES_TOGETHER = 2
_TRIES_ALONE = 20
_RACES_ALONE = 15  # who loses as often as that alone is not losing races
# What a record's own values can raise while a batch is loaded or saved, outside its handler.
_MISCALCULATED = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_ITS_OWN_FAULT = ("22", "23", "P0")  # SQLSTATE classes: data, integrity, raised by a function


class HandlerFailedError(Exception):
    """A handler failed unexpectedly on one record; its half-made decisions are dropped with the whole desk."""

    def __init__(self, letter: DeadLetter) -> None:
        super().__init__(letter.message)
        self.letter = letter


class BatchRun(Generic[DeskT]):
    """Posts the batches of one partition number under one epoch."""

    def __init__(self, service: Service[DeskT], running: Running, epoch: int, limit: DeadLetterLimit) -> None:
        if service.books is None:
            raise ValueError(f"Service {service.name} consumes topics and therefore needs books.")
        self._service = service
        self._books = service.books
        self._running = running
        self._epoch = epoch
        self._limit = limit
        # under a shifted clock (tests, demo) our own services' due instants run ahead of Kafka's clock
        self._tolerance = FUTURE_TOLERANCE + timedelta(seconds=running.settings.clock_shift_seconds)
        self._by_type = {model.TYPE: handler for model, handler in service.handlers.items()}

    async def post(self, batch: Batch) -> None:
        """Commit the batch exactly once. Raises GateShutError; an outage of the database passes through."""
        if len(batch.delivered) == 1:
            await self._post_single(batch)
            return
        for _ in range(_TRIES_TOGETHER):
            if await self._tried(batch, {}) is None:
                return
        log.info("batch goes in halves", topic=batch.topic, partition=batch.partition, records=len(batch.delivered))
        for half in batch.halves():
            await self.post(half)

    async def _post_single(self, batch: Batch) -> None:
        """One record alone: what still fails here is this record's own fault and becomes a dead letter."""
        poison: dict[int, DeadLetter] = {}
        for lost in range(_TRIES_ALONE):
            error = await self._tried(batch, poison)
            if error is None:
                return
            if _lost_a_race(error) and lost < _RACES_ALONE:
                await asyncio.sleep(random.uniform(0, 0.005 * lost))  # noqa: S311 - jitter, not a secret
            else:
                record = batch.delivered[0]
                poison = {record.offset: _letter(record, error)}
        raise RuntimeError(
            f"Record {batch.topic}/{batch.partition}@{batch.from_offset} could be neither applied nor dead-lettered; "
            "the database log says why."
        )

    async def _tried(self, batch: Batch, poison: dict[int, DeadLetter]) -> Exception | None:
        """None when the batch is committed, the error when it must be tried otherwise; outages are raised."""
        try:
            await self._attempt(batch, poison)
        except CONNECTION_LOST as error:
            if await self._happened(batch, error):
                return None
            raise
        except asyncpg.PostgresError as error:
            if not _lost_a_race(error) and (error.sqlstate or "")[:2] not in _ITS_OWN_FAULT:
                raise
            telemetry.BATCH_AGAIN.labels(self._service.name).inc()
            log.info("decided again", sqlstate=error.sqlstate, topic=batch.topic, error=error)
            return error
        except _MISCALCULATED as error:
            telemetry.BATCH_AGAIN.labels(self._service.name).inc()
            log.exception("batch not loaded or saved", topic=batch.topic, offset=batch.from_offset)
            return error
        return None

    async def _attempt(self, batch: Batch, poison: dict[int, DeadLetter]) -> None:
        """Load, decide and save; a failing handler isolates its record, a lost budget slice is fetched first."""
        poison = dict(poison)
        prepare: Prepare | None = None
        while True:
            try:
                async with self._running.pool.acquire() as connection:
                    if self._books.transactional or prepare is not None:
                        async with connection.transaction():
                            if prepare is not None:
                                await prepare(connection)
                            postings = await self._through(connection, batch, poison)
                    else:
                        postings = await self._through(connection, batch, poison)
                    crash_points.reach("committed_reply_unread")
                self._limit.count(postings)
                telemetry.count_fates(self._service.name, batch.topic, postings.fates)
                telemetry.count_points(self._service.name, postings.points)
                journey.measure(self._service.name, batch)
                return
            except HandlerFailedError as failed:
                poison[failed.letter.delivered.offset] = failed.letter
            except DecideAgainError as again:
                prepare = again.prepare
                log.debug("deciding again", reason=str(again))

    async def _through(self, connection: Connection, batch: Batch, poison: dict[int, DeadLetter]) -> Postings:
        events = [
            delivered for delivered in batch.delivered if delivered.event is not None and delivered.offset not in poison
        ]
        desk, seen = await self._books.load(connection, batch.partition, events, self._running.programs)
        postings = Postings(batch, self._service.name)
        is_carried = False
        for delivered in batch.delivered:
            made_from = len(desk.outbox)
            if (letter := poison.get(delivered.offset)) is not None:
                postings.dead_letter(letter)
            else:
                self._decide(delivered, desk, seen, postings)
            if not is_carried and len(desk.outbox) > made_from and (origin := journey.origin_of(delivered)) is not None:
                is_carried = journey.carry_on(desk.outbox, made_from, origin)
        self._limit.check(postings, self._service.name)
        await self._books.settle(connection, desk)
        crash_points.reach_in_statement()
        if not await self._books.save(connection, postings, self._epoch, desk):
            raise GateShutError(f"{batch.topic}/{batch.partition}@{batch.from_offset}")
        return postings

    def _decide(self, delivered: Delivered, desk: DeskT, seen: dict[object, bytes], postings: Postings) -> None:
        """One event in its turn; the next one sees what it decided."""
        try:
            fate = self._fate(delivered, desk, seen)
        except Rejected as rejected:  # raised by a handler before it touched the desk
            postings.dead_letter(DeadLetter(delivered, rejected.code, rejected.message, "Rejected", rejected.fields))
            return
        except Exception as error:
            log.exception("handler failed", topic=delivered.topic, offset=delivered.offset)
            raise HandlerFailedError(_letter(delivered, error)) from error
        postings.settle(delivered, fate)
        if fate is Fate.APPLIED and (event := delivered.event) is not None:
            seen[event.event_key] = event.content_hash
            if (points := getattr(event.data, "points", None)) is not None:
                postings.points[event.type] += abs(points)  # of a debit too: a counter only rises

    def _fate(self, delivered: Delivered, desk: DeskT, seen: dict[object, bytes]) -> Fate:
        event = delivered.event
        if event is None:
            if delivered.is_erasure and self._service.on_erased is not None:
                return self._service.on_erased(delivered, desk)
            raise delivered.rejection or Rejected(ReasonCode.MALFORMED, "The record could not be read.", ())
        known = seen.get(event.event_key)
        if known == event.content_hash:
            return Fate.DUPLICATE
        if known is not None:
            raise Rejected(
                ReasonCode.DUPLICATE_ID_DIFFERENT_CONTENT,
                f"Event {event.id} of {event.source} was handled before with other content; the first one stands. "
                "Send a correction under a new id.",
                (),
            )
        handler = self._by_type.get(event.type)
        if handler is None:
            return Fate.IGNORED
        if event.time > delivered.arrival + self._tolerance:
            raise Rejected(
                ReasonCode.EVENT_IN_FUTURE,
                f"The event's time {event.time.isoformat()} is more than 10 minutes after its arrival "
                f"{delivered.arrival.isoformat()}; set the till's clock and send it again.",
                (),
            )
        return handler(delivered, desk)

    async def _happened(self, batch: Batch, error: BaseException) -> bool:
        """After an unknown outcome the stored offset says whether the batch was committed."""
        async with self._running.pool.acquire() as connection:
            stored = await connection.fetchval(
                "SELECT next_offset FROM partition_offset WHERE topic = $1 AND partition = $2",
                batch.topic,
                batch.partition,
            )
        log.warning("reply lost, offset re-read", topic=batch.topic, stored=stored, error=error)
        if stored == batch.to_offset:
            return True
        if stored != batch.from_offset:
            raise GateShutError(f"{batch.topic}/{batch.partition} stands at {stored}")
        return False


def _lost_a_race(error: Exception) -> bool:
    """Another writer came first: what it wrote is there to be loaded now."""
    return isinstance(error, asyncpg.PostgresError) and (
        error.sqlstate == CLAIM_LOST
        or isinstance(error, asyncpg.UniqueViolationError | asyncpg.DeadlockDetectedError | asyncpg.SerializationError)
    )


def _letter(delivered: Delivered, error: Exception) -> DeadLetter:
    return DeadLetter(
        delivered,
        ReasonCode.HANDLING_FAILED,
        f"Handling failed with {type(error).__name__}; the service's log has the details. Replay it once mended.",
        type(error).__name__,
    )
