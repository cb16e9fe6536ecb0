"""How far the services are, sampled from their own books while things break, and how soon they are back at speed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from shared.runtime.postgres import CONNECTION_LOST

_EVERY_SECONDS = 0.1
_WINDOW_SECONDS = 1.0  # a rate is an average over so long
_BEFORE_SECONDS = 3.0
_RECOVERED = 0.9
# What each kind of process has done: records handled by a service's workers, records published by its relay. Fraud
# monitoring keeps its offsets in Kafka alone and publishes little: its recoveries are not measured here.
_DONE = """
SELECT (SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM earning.audit_offset) AS "earning",
       (SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM redemption.audit_offset) AS "redemption",
       (SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM notification.audit_offset) AS "notification",
       (SELECT coalesce(sum(published), 0)::bigint FROM earning.audit_relay) AS "earning-relay",
       (SELECT coalesce(sum(published), 0)::bigint FROM redemption.audit_relay) AS "redemption-relay",
       (SELECT coalesce(sum(published), 0)::bigint FROM notification.audit_relay) AS "notification-relay"
"""
_WORKERS = ("earning", "redemption", "notification")


@dataclass(frozen=True, slots=True)
class Sample:
    """Records done so far by each kind of process, `at` seconds of the loop's clock."""

    at: float
    done: Mapping[str, int]

    def of(self, kinds: Sequence[str]) -> int:
        return sum(self.done.get(kind, 0) for kind in kinds)


@dataclass(frozen=True, slots=True)
class Strike:
    """Damage done at a moment to processes of these kinds."""

    what: str
    at: float
    kinds: Sequence[str]


@dataclass(frozen=True, slots=True)
class Recovery:
    """`rate` before the strike in records/s of what was struck; seconds until 90% of it held for a second.

    None where there was too little before, or too little left after it, to say.
    """

    what: str
    rate: float | None
    seconds: float | None

    def __str__(self) -> str:
        if self.rate is None:
            return f"{self.what}: too little traffic before it to measure"
        back = "the traffic ended first" if self.seconds is None else f"90% again after {self.seconds:.1f} s"
        return f"{self.what}: {self.rate:,.0f} records/s before, {back}"


@dataclass(slots=True)
class Progress:
    """The samples so far and the strikes among them."""

    samples: list[Sample] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)

    @property
    def now(self) -> Sample:
        return self.samples[-1] if self.samples else Sample(0, {})

    @property
    def earning(self) -> int:
        """Records that earning has handled."""
        return self.now.of(("earning",))

    def strike(self, what: str, process: str | None = None) -> None:
        """Note that damage was done at this moment: to one process ("earning-2" counts as "earning"), or to all."""
        kinds = _WORKERS if process is None else (process.removesuffix("-2"),)
        self.strikes.append(Strike(what, asyncio.get_running_loop().time(), kinds))

    async def until_earning(self, records: int, seconds: float = 600) -> None:
        """Wait until earning has handled so many records in all."""
        async with asyncio.timeout(seconds):
            while self.earning < records:
                await asyncio.sleep(_EVERY_SECONDS / 2)

    def recoveries(self) -> list[Recovery]:
        return [self._recovery(strike) for strike in self.strikes]

    def _recovery(self, strike: Strike) -> Recovery:
        before = [sample for sample in self.samples if strike.at - _BEFORE_SECONDS <= sample.at <= strike.at]
        enough = before and strike.at - before[0].at > _WINDOW_SECONDS / 2
        rate = _rate(before[0], before[-1], strike.kinds) if enough else 0.0
        if not rate:
            return Recovery(strike.what, None, None)
        return Recovery(strike.what, rate, _recovered(self.samples, strike, rate * _RECOVERED))


def _recovered(samples: Sequence[Sample], strike: Strike, wanted: float) -> float | None:
    """Seconds from the strike to the first second at the wanted rate."""
    after = [sample for sample in samples if sample.at >= strike.at]
    end = 0
    for start in after:
        while end < len(after) and after[end].at < start.at + _WINDOW_SECONDS:
            end += 1
        if end == len(after):
            return None
        if _rate(start, after[end], strike.kinds) >= wanted:
            return start.at - strike.at
    return None


def _rate(first: Sample, last: Sample, kinds: Sequence[str]) -> float:
    return (last.of(kinds) - first.of(kinds)) / (last.at - first.at) if last.at > first.at else 0.0


@asynccontextmanager
async def watching(audit_dsn: str) -> AsyncIterator[Progress]:
    """Samples as the audit role until the end, through every outage of the database."""
    progress = Progress()
    task = asyncio.create_task(_watch(audit_dsn, progress))
    try:
        yield progress
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(audit_dsn: str, progress: Progress) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with contextlib.suppress(*CONNECTION_LOST, asyncpg.PostgresError):
            connection = await asyncpg.connect(audit_dsn, timeout=5)
            try:
                while True:
                    row = await connection.fetchrow(_DONE, timeout=5)
                    if row is not None:
                        progress.samples.append(Sample(loop.time(), dict(row)))
                    await asyncio.sleep(_EVERY_SECONDS)
            finally:
                connection.terminate()
        await asyncio.sleep(_EVERY_SECONDS)
