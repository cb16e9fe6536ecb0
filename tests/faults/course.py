"""One run of a traffic through real processes on fresh topics and a fresh database, with faults acting during it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from deploy.local.stack import Stack
from services.operator.audit import run_audit
from services.operator.lag import reading_lag
from services.operator.program import apply_shipped
from tests.faults.books import Picture, read_books
from tests.faults.fault import Fault
from tests.faults.progress import Progress, Recovery, watching
from tests.faults.record import Record, Traffic
from tests.faults.spending import spend_all
from tests.infrastructure.fixtures import Database, fresh_database, renew_topics
from tests.infrastructure.services import Services, eventually, producer, running_services

AUDIT = "greenpoints_audit"
_SLICE = 100  # records sent together
DRAIN_SECONDS = 60  # without any progress


@dataclass(frozen=True, slots=True)
class Process:
    """How one of the course's processes is run."""

    service: str
    ordinal: int
    roles: str


PROCESSES: Mapping[str, Process] = {
    "earning": Process("earning", 0, "consume,serve"),
    "earning-relay": Process("earning", 0, "relay,serve"),
    "redemption": Process("redemption", 0, "consume,serve"),
    "redemption-relay": Process("redemption", 0, "relay,serve"),
}
SECOND_WORKERS: Mapping[str, Process] = {
    "earning-2": Process("earning", 1, "consume,serve"),
    "redemption-2": Process("redemption", 1, "consume,serve"),
}


@dataclass(slots=True)
class Course:
    """What a fault works with. `dice` is drawn from the seed; `base_records` is what earning had handled before."""

    stack: Stack
    database: Database
    services: Services
    traffic: Traffic
    faults: Sequence[Fault]
    dice: Random
    progress: Progress
    base_records: int = 0
    notes: list[str] = field(default_factory=list)

    async def start(self, name: str, extra: Mapping[str, str] | None = None) -> None:
        """Start one of PROCESSES or SECOND_WORKERS and wait until it is ready."""
        process = {**PROCESSES, **SECOND_WORKERS}[name]
        environment = {
            "GREENPOINTS_ROLES": process.roles,
            # Small bites, so that many batches are under way while things break.
            "GREENPOINTS_BATCH_RECORDS": str(min(1000, max(25, self.traffic.events // 100))),
            "GREENPOINTS_RELAY_ROWS": str(min(2000, max(50, self.traffic.events // 50))),
        }
        for fault in self.faults:
            environment |= fault.environment(name)
        await self.services.start(
            process.service, name=name, ordinal=process.ordinal, environment={**environment, **(extra or {})}
        )

    async def kill(self, name: str) -> None:
        """SIGKILL, noted as a strike."""
        self.progress.strike(f"{name} killed", name)
        await self.services.kill(name)

    async def until_share(self, share: float) -> None:
        """Wait until earning has handled that share of the fire's records."""
        await self.progress.until_earning(self.base_records + int(share * len(self.traffic.fire)))

    def note(self, what: str) -> None:
        """Something that was shown to have happened."""
        self.notes.append(what)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a course. `rate` is of earning, over the whole fire, in records/s."""

    picture: Picture
    audit: str
    clean: bool
    notes: Sequence[str]
    recoveries: Sequence[Recovery]
    events: int
    seconds: float
    rate: float
    lost_replies: int


async def run_course(
    stack: Stack,
    passwords: Mapping[str, str],
    traffic: Traffic,
    faults: Sequence[Fault] = (),
    *,
    paced: bool = False,
    turn: int = 0,
) -> Outcome:
    """Base in peace, then fire, spending and the faults in turn at once; when all is drained, audit and picture.

    `paced`: half of the fire comes at once, the rest over the time that the faults name; else all of it at once.
    `turn`: another one draws otherwise for the same faults.
    """
    await renew_topics(stack.kafka)
    await apply_shipped(stack.kafka)
    async with (
        fresh_database(stack, passwords) as database,
        running_services(stack.kafka, database, stack.state_dir) as services,
        watching(database.dsns[AUDIT]) as progress,
    ):
        dice = Random(f"{traffic.seed} {turn} {[fault.name for fault in faults]}")  # noqa: S311 - repeatable, not secret
        course = Course(stack, database, services, traffic, faults, dice, progress)
        try:
            for fault in faults:
                await fault.prepare(course)
            await asyncio.gather(*(course.start(name) for name in PROCESSES))
            return await _run(course, sum(fault.seconds for fault in faults) if paced else 0)
        finally:
            for fault in faults:
                await fault.mend(course)


async def _run(course: Course, seconds: float) -> Outcome:
    traffic, loop = course.traffic, asyncio.get_running_loop()
    await publish(course.stack.kafka, traffic.base)
    await _drained(course)
    await spend_all(course.services, "redemption", traffic.base_spends)
    await _drained(course)
    course.base_records = course.progress.earning
    began = loop.time()

    async def spread(place: int) -> None:
        await course.until_share(0.9 * place / len(traffic.spends))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish(course.stack.kafka, traffic.fire, seconds))
        spending = tasks.create_task(spend_all(course.services, "redemption", traffic.spends, spread))
        for fault in course.faults:
            await fault.act(course)
    await _drained(course)
    took = loop.time() - began
    verdict = await run_audit(course.database.dsns[AUDIT], course.stack.kafka)
    return Outcome(
        picture=await read_books(course.database.admin_dsn, course.stack.kafka, traffic),
        audit=verdict.text(),
        clean=verdict.clean,
        notes=course.notes,
        recoveries=course.progress.recoveries(),
        events=traffic.events,
        seconds=took,
        rate=(course.progress.earning - course.base_records) / took,
        lost_replies=spending.result(),
    )


async def publish(kafka: str, records: Sequence[Record], seconds: float = 0) -> None:
    """In order within each partition; half at once, the rest over `seconds`. Returns when all are acknowledged."""
    half = len(records) // 2 if seconds else len(records)
    slices = [records[:half], *(records[start : start + _SLICE] for start in range(half, len(records), _SLICE))]
    async with producer(kafka) as sender:
        for part in slices:
            acknowledged = [
                await sender.send(one.topic, one.value, key=one.key, headers=list(one.headers), partition=one.partition)
                for one in part
            ]
            await asyncio.gather(*acknowledged)
            await asyncio.sleep(seconds / len(slices))


async def _drained(course: Course) -> None:
    """Wait until nothing is to be read, sent or posted any more, what the clock has matured included."""
    audit_dsn = course.database.dsns[AUDIT]

    async def nothing_due() -> bool:
        async with course.services.connection(AUDIT) as audit:
            due = await audit.fetchval(
                "SELECT count(*) FROM redemption.audit_lot WHERE posted_state = 'pending' AND state <> 'pending'"
            )
            return not due

    async with reading_lag(audit_dsn, course.stack.kafka) as lag:
        await lag.until_drained(DRAIN_SECONDS)
        await eventually("maturity posted", nothing_due)
        await lag.until_drained(DRAIN_SECONDS)
