"""Keeps the demo's figures up to date from the services' own books, as the audit role."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from services.operator.demo.figures import Books, Figures, latency_of
from services.operator.demo.probes import Prober
from services.operator.lag import EVERYBODY, Lag, LagReader, reading_lag
from services.operator.traffic.fruit import PROGRAM_ID
from services.operator.traffic.publish import Counters
from shared.runtime.postgres import Connection

_SECONDS = 0.4
_RATE_SECONDS = 2  # committed per second is the mean over this long
_BOOKS = """
SELECT (SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM earning.audit_offset) AS handled,
       (SELECT coalesce(sum(points), 0)::bigint FROM earning.audit_grant WHERE program_id = $1) AS issued,
       (SELECT coalesce(sum(points), 0)::bigint FROM earning.audit_claw_back WHERE program_id = $1) AS clawed_back,
       (SELECT coalesce(sum(points), 0)::bigint FROM redemption.audit_lot WHERE program_id = $1) AS credited,
       (SELECT coalesce(sum(approved_minor), 0)::bigint FROM earning.audit_budget WHERE program_id = $1)
     - (SELECT coalesce(sum(spent_minor), 0)::bigint FROM earning.audit_budget_slice WHERE program_id = $1)
       AS budget_left_minor
"""
FATES = ("applied", "duplicate", "ignored", "forwarded", "dead_lettered")
_FATES = """
SELECT service, sum(applied)::bigint AS applied, sum(duplicate)::bigint AS duplicate, sum(ignored)::bigint AS ignored,
       sum(forwarded)::bigint AS forwarded, sum(dead_lettered)::bigint AS dead_lettered
  FROM (SELECT 'earning' AS service, * FROM earning.audit_offset
        UNION ALL SELECT 'redemption', * FROM redemption.audit_offset
        UNION ALL SELECT 'notification', * FROM notification.audit_offset) AS books
 GROUP BY service ORDER BY service
"""
_FOUND = """
SELECT (SELECT count(*) FROM fraud_monitoring.audit_hold WHERE strpos(member_id, $1) > 0) AS holds,
       (SELECT count(*) FROM notification.audit_message WHERE strpos(member_id, $1) > 0 AND state = 'sent') AS messages
"""
_MESSAGES = """
SELECT channel || ' ' || state AS state, count(*) AS messages
  FROM notification.audit_message WHERE strpos(member_id, $1) > 0 GROUP BY 1 ORDER BY 1
"""


async def read_books(audit: Connection) -> Books:
    """What the books say now of the demo's program."""
    row = await audit.fetchrow(_BOOKS, PROGRAM_ID)
    return Books(**dict(row or {}))


async def read_fates(audit: Connection) -> dict[str, dict[str, int]]:
    """By service, what became of the records of its topics, over all runs."""
    return {row["service"]: {fate: row[fate] for fate in FATES} for row in await audit.fetch(_FATES)}


async def read_messages(audit: Connection, run: str) -> dict[str, int]:
    """This run's messages by channel and state."""
    return {row["state"]: row["messages"] for row in await audit.fetch(_MESSAGES, run)}


@dataclass(slots=True)
class Watch:
    """`now()` is the present state; `first_points_at` is the monotonic second at which a wallet first had points."""

    audit: Connection
    lag: LagReader
    before: Books
    counters: Counters
    prober: Prober
    first_points_at: float | None = None
    _holds: int = 0
    _messages: int = 0
    _books: Books = field(default_factory=Books)
    _lag: Lag | None = None
    _handled: deque[tuple[float, int]] = field(default_factory=deque)

    def now(self) -> Figures:
        books, before, counters = self._books, self.before, self.counters
        behind = {} if self._lag is None else {s: n + self._lag.outbox[s] for s, n in self._lag.records.items()}
        return Figures(
            sent=counters.sent + self.prober.sent,
            by_http=counters.by_http + self.prober.by_http,
            by_kafka=counters.by_kafka + self.prober.by_kafka,
            committed_per_second=self._rate(),
            behind=behind,
            latency=latency_of(self.prober.nanoseconds),
            issued=books.issued - before.issued,
            clawed_back=books.clawed_back - before.clawed_back,
            holds=self._holds,
            messages=self._messages,
            budget_left_minor=books.budget_left_minor,
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(_SECONDS)

    async def read(self) -> None:
        """Not beside `run`, which uses the same connections."""
        self._books = await read_books(self.audit)
        self._lag = await self.lag.read()
        self._holds, self._messages = await self.audit.fetchrow(_FOUND, self.prober.run) or (0, 0)
        read_at = time.monotonic()
        if self.first_points_at is None and self._books.credited > self.before.credited:
            self.first_points_at = read_at
        self._handled.append((read_at, self._books.handled))
        while read_at - self._handled[0][0] > _RATE_SECONDS:
            self._handled.popleft()

    def _rate(self) -> int:
        if len(self._handled) < 2:
            return 0
        (since, first), (until, last) = self._handled[0], self._handled[-1]
        return round((last - first) / (until - since))


@asynccontextmanager
async def watching(
    audit_dsn: str, kafka: str, before: Books, counters: Counters, prober: Prober
) -> AsyncIterator[Watch]:
    """A Watch that reads on its own until the block ends."""
    audit = await asyncpg.connect(audit_dsn)
    try:
        async with reading_lag(audit_dsn, kafka, EVERYBODY) as lag:
            watch = Watch(audit, lag, before, counters, prober)
            await watch.read()
            reading = asyncio.create_task(watch.run())
            try:
                yield watch
            finally:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
    finally:
        await audit.close()
