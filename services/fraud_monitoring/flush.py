"""Making what was decided durable, many events at a time, and only then acknowledging the events.

The order for each event: its windows change (local store, changelog on its way) → its outcomes are in the database,
its changelog records and sightings acknowledged by Kafka → it is acknowledged, in the order in which it was read
(Faust commits past an event that is still in flight). Whatever dies in between is done again, and changes nothing.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from services.fraud_monitoring import metrics
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.outcomes import Outcome, distinct, outcome_of
from services.fraud_monitoring.store.save import save_dead_letter, save_held, save_outcomes
from shared.events.points_held import PointsHeld
from shared.events.reason_codes import ReasonCode
from shared.runtime import crash_points, telemetry
from shared.runtime.batch import DeadLetter, Delivered
from shared.runtime.postgres import DATABASE_AWAY, Connection, Pool

log = structlog.get_logger()

_MOST_WAITING = 2000  # events; reading waits above it
_LONGEST_PAUSE = 10.0
_KAFKA_SILENT_SECONDS = 15.0
_ITS_OWN_FAULT = ("22", "23", "P0")


@dataclass(slots=True)
class Handled:
    """One event that was read: what it led to, and how to acknowledge it. `delivered` None = a sighting of our own."""

    acknowledge: Callable[[], object]
    delivered: Delivered | None
    findings: Sequence[Finding] = ()
    held: Sequence[tuple[PointsHeld, int]] = ()
    letter: DeadLetter | None = None


@dataclass(slots=True)
class Flusher:
    """Takes handled events and finishes them in order. `unacknowledged` yields what Kafka must still acknowledge."""

    service: str
    pool: Pool
    review: timedelta
    unacknowledged: Callable[[], Sequence["asyncio.Future[object]"]]
    _waiting: list[Handled] = field(default_factory=list)
    _sent_at: float | None = None  # since when Kafka is waited for
    _some: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    async def take(self, handled: Handled) -> None:
        """Waits while too many events are not durable yet."""
        self._waiting.append(handled)
        self._idle.clear()
        self._some.set()
        if len(self._waiting) > _MOST_WAITING:
            self._room.clear()
            await self._room.wait()

    @property
    def is_busy(self) -> bool:
        """Whether something that was taken will yet be acknowledged: not if Kafka has been silent for too long."""
        is_heard = self._sent_at is None or time.monotonic() - self._sent_at < _KAFKA_SILENT_SECONDS
        return is_heard and not self._idle.is_set()

    async def emptied(self) -> None:
        """Until all that was taken is durable and acknowledged; nothing may be taken meanwhile."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled. Raises what no retry mends: then nothing after it is acknowledged."""
        while True:
            await self._some.wait()
            self._some.clear()
            handled, self._waiting = self._waiting, []
            self._room.set()
            sent = self.unacknowledged()
            begun = time.monotonic()
            await self._store(handled)
            self._sent_at = time.monotonic()
            await _acknowledged(sent)
            self._sent_at = None
            crash_points.reach("before_kafka_commit")
            for event in handled:
                event.acknowledge()
            if not self._waiting:
                self._idle.set()
            metrics.FLUSH_SECONDS.observe(time.monotonic() - begun)

    async def _store(self, handled: Sequence[Handled]) -> None:
        """All rows of these events; waits for a database that is away, isolates an event it refuses."""
        worth = [event for event in handled if event.findings or event.held or event.letter is not None]
        if worth:
            await self._stored(worth)

    async def _stored(self, handled: Sequence[Handled]) -> None:
        try:
            await self._patiently(lambda connection: self._save(connection, handled))
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "")[:2] not in _ITS_OWN_FAULT:
                raise
            if len(handled) > 1:
                half = len(handled) // 2
                await self._stored(handled[:half])
                await self._stored(handled[half:])
                return
            await self._give_up(handled[0], error)

    async def _give_up(self, handled: Handled, error: Exception) -> None:
        """One event alone whose rows the database refuses: a dead letter where it came from outside."""
        log.error("what an event led to cannot be stored", error=error)
        if handled.delivered is None or handled.letter is not None:
            raise error
        letter = failed_letter(handled.delivered, error)
        await self._patiently(lambda connection: self._save(connection, [Handled(_nothing, None, letter=letter)]))

    async def _patiently(self, act: Callable[[Connection], Awaitable[None]]) -> None:
        pause = 0.1
        while True:
            try:
                async with self.pool.acquire() as connection:
                    await act(connection)
                return
            except (*DATABASE_AWAY, asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                telemetry.DATABASE_AWAY.labels(self.service).inc()
                log.warning("database away, events wait", error=error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _save(self, connection: Connection, handled: Sequence[Handled]) -> None:
        findings = [finding for event in handled for finding in event.findings]
        outcomes = distinct(outcome_of(finding, self.review) for finding in findings)
        if outcomes:
            crash_points.reach_in_statement()
            await save_outcomes(connection, outcomes)
            crash_points.reach("committed_reply_unread")
            _measure(outcomes)
        if held := [row for event in handled for row in _held_rows(event.held)]:
            await save_held(connection, held)
        for event in handled:
            if event.letter is not None:
                await _save_once(connection, self.service, event.letter)


async def _acknowledged(sent: Sequence["asyncio.Future[object]"]) -> None:
    """Raises what Kafka refused. Not gathered: whoever cancels this must not cancel what Faust still settles."""
    if sent:
        await asyncio.wait(sent)
    for record in sent:
        record.result()


def failed_letter(delivered: Delivered, error: Exception) -> DeadLetter:
    return DeadLetter(
        delivered,
        ReasonCode.HANDLING_FAILED,
        f"Handling failed with {type(error).__name__}; the service's log has the details. Replay it once mended.",
        type(error).__name__,
    )


async def _save_once(connection: Connection, service: str, letter: DeadLetter) -> None:
    try:
        await save_dead_letter(connection, service, letter)
    except asyncpg.UniqueViolationError:
        log.debug("dead letter is there already", topic=letter.delivered.topic, offset=letter.delivered.offset)


def _held_rows(held: Sequence[tuple[PointsHeld, int]]) -> list[tuple[UUID, int, int]]:
    rows = []
    for points, offset in held:
        try:
            rows.append((UUID(points.hold_id), points.points, offset))
        except ValueError:  # no hold of ours
            continue
    return rows


def _measure(outcomes: Sequence[Outcome]) -> None:
    """Wall clock against the broker's: for the operator's eyes, decides nothing."""
    now = datetime.now(UTC)
    for outcome in outcomes:
        metrics.SIGNALS.labels(outcome.rule).inc()
        metrics.TRIGGER_TO_HOLD.observe(max((now - outcome.arrived).total_seconds(), 0.0))


def _nothing() -> None:
    return
